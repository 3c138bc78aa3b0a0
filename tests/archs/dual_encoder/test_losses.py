"""Every loss against numbers that the original code gave: by formula inputs, and as recorded."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tests.archs.dual_encoder.recorded import needs_recordings, numbers, tensors
from vlcli.archs.dual_encoder.losses.contrastive import distilled
from vlcli.archs.dual_encoder.losses.pairs import Loss, Pairs
from vlcli.archs.dual_encoder.losses.table import loss_of
from vlcli.archs.dual_encoder.objectives import OBJECTIVES

N, D, K, P = 8, 16, 32, 32
EXACT = 1e-9
SCALE = 1 / 0.07
LABELS = torch.tensor([0, 1, 2, -1, 0, 1, -1, 3])


def args(**changed: Any) -> SimpleNamespace:
    plain = {"w_rkd_d": 0.5, "w_rkd_a": 1.0, "dino_teacher_temp": 0.04}
    return SimpleNamespace(**{**plain, "queue_size": K, "legacy_barlow": False, **changed})


def wave(function: Any, rows: int, columns: int, step: float, start: float = 0.0) -> Tensor:
    k = torch.arange(rows * columns, dtype=torch.float64).view(rows, columns)
    found: Tensor = function(step * k + start)
    return found


T, S = wave(torch.sin, N, D, 0.37, 0.1), wave(torch.cos, N, D, 0.23)
T1, S1 = wave(torch.sin, N, P, 0.05), wave(torch.cos, N, P, 0.07)
Q, Q2 = (
    normalize(wave(torch.sin, K, D, 0.11, 0.5), dim=1),
    normalize(wave(torch.cos, K, D, 0.13, 0.2), dim=1),
)


def made(name: str, **changed: Any) -> Loss:
    loss = loss_of(name, P if OBJECTIVES[name].prototypes else D, args(**changed)).double()
    for buffer, value in (("targets", Q), ("learners", Q2)):
        if hasattr(loss, buffer):
            getattr(loss, buffer).copy_(value)
    return loss


def run(loss: Loss, learner: Tensor, target: Tensor, **more: Any) -> tuple[float, Tensor, Tensor]:
    """The loss and its gradients on both sides."""
    learner, target = (each.clone().requires_grad_() for each in (learner, target))
    value = loss(Pairs(learner, target, **more))
    value.backward()
    assert learner.grad is not None
    there = torch.zeros_like(target) if target.grad is None else target.grad
    return value.item(), learner.grad, there


GOLDEN: dict[str, tuple[str, dict[str, Any], dict[str, Any], float, float]] = {
    "InfoNCE": ("InfoNCE", {}, {"scale": SCALE}, 10.2857004372, 1.2407694227),
    "InfoNCE, low scale": ("InfoNCE", {}, {"scale": 2.659}, 2.8174696354, 0.2023232520),
    "UniCL": ("UniCL", {}, {"scale": SCALE, "labels": LABELS}, 9.6154538251, 1.0445393176),
    "UniCL, no class": (
        "UniCL",
        {},
        {"scale": SCALE, "labels": torch.full((N,), -1)},
        10.2857004372,
        1.2407694227,
    ),
    "CrossEntropy": (
        "CrossEntropy",
        {},
        {"labels": LABELS.clamp_min(0)},
        3.2559085370,
        0.1718669325,
    ),
    "SimReg": ("SimReg", {}, {}, 0.1223099703, 0.0124495733),
    "SimReg-L1": ("SimReg-L1", {}, {}, 0.2831332342, 0.0230555277),
    "SimReg-SmoothL1": ("SimReg-SmoothL1", {}, {}, 0.0611549851, 0.0062247867),
    "VICReg": ("VICReg", {}, {}, 22.3992493717, 0.3168771405),
    "BarlowTwins, as published": (
        "BarlowTwins",
        {"legacy_barlow": True},
        {},
        15.9002451096,
        0.4017702410,
    ),
    "BarlowTwins": ("BarlowTwins", {}, {}, 13.9354731249, 3.6814425254),
    "RKD": ("RKD", {}, {}, 0.3966274857, 0.0157394159),
    "CompRess-1q": ("CompRess-1q", {}, {}, 21.8551409818, 2.2717562492),
    "CompRess-2q": ("CompRess-2q", {}, {}, 21.1921730047, 2.0835992054),
    "SEED": ("SEED", {}, {}, 14.2734068982, 1.5360715436),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_values_and_gradients_are_the_published_ones(case: str) -> None:
    name, changed, more, value, norm = GOLDEN[case]
    found, gradient, _ = run(made(name, **changed), S, T, **more)
    assert found == pytest.approx(value, abs=EXACT)
    assert gradient.norm().item() == pytest.approx(norm, abs=EXACT)


@pytest.mark.parametrize(("name", "second"), [("DINO", 8.5579526873), ("ProtoCPC", 8.7413479810)])
def test_prototype_losses_remember_the_step_before(name: str, second: float) -> None:
    loss = made(name)
    first = run(loss, S1, T1)
    assert first[0] == pytest.approx(8.5573995694, abs=EXACT)
    assert first[1].norm().item() == pytest.approx(2.0266213521, abs=EXACT)
    assert run(loss, S1, T1)[0] == pytest.approx(second, abs=EXACT)


def test_cross_entropy_is_the_mean_over_pairs_that_have_a_class() -> None:
    held = LABELS >= 0
    mixed = run(made("CrossEntropy"), S, T, labels=LABELS)
    alone = run(made("CrossEntropy"), S[held], T[held], labels=LABELS[held])
    assert mixed[0] == pytest.approx(alone[0], abs=EXACT)
    for found, wanted in zip(mixed[1:], alone[1:], strict=True):
        torch.testing.assert_close(found[held], wanted, atol=EXACT, rtol=0)
        assert not found[~held].any()
    none = run(made("CrossEntropy"), S, T, labels=torch.full((N,), -1))
    assert none[0] == 0
    assert not none[1].any()


def test_rkd_has_two_parts() -> None:
    assert run(made("RKD", w_rkd_d=1.0, w_rkd_a=0.0), S, T)[0] == pytest.approx(0.2239883672)
    assert run(made("RKD", w_rkd_d=0.0, w_rkd_a=1.0), S, T)[0] == pytest.approx(0.2846333021)


def test_barlow_twins_of_equal_sides_is_small_and_the_published_one_never() -> None:
    torch.manual_seed(0)
    same = torch.randn(64, 4, dtype=torch.float64)
    assert run(made("BarlowTwins"), same, same)[0] < 0.01
    assert run(made("BarlowTwins", legacy_barlow=True), same, same)[0] > 3


def test_evaluation_leaves_the_memory_as_it_is() -> None:
    for name in ("CompRess-2q", "SEED", "DINO", "ProtoCPC"):
        loss = made(name).eval()
        before = {key: value.clone() for key, value in loss.state_dict().items()}
        run(loss, *((S1, T1) if OBJECTIVES[name].prototypes else (S, T)))
        assert all(torch.equal(before[key], value) for key, value in loss.state_dict().items())


def test_a_queue_begins_with_the_newest_and_starts_over_when_it_is_full() -> None:
    loss = made("CompRess-1q")
    run(loss, S, T)
    assert torch.equal(loss.state_dict()["targets"][:N], normalize(T, dim=1))
    assert torch.equal(loss.state_dict()["targets"][N:], Q[N:])
    assert loss.state_dict()["place"] == N
    for _ in range(4):
        run(loss, T, S)
    assert loss.state_dict()["place"] == 5 * N - K
    torch.testing.assert_close(loss.state_dict()["targets"][:N], normalize(S, dim=1))


def test_a_resumed_queue_goes_on_to_the_bit() -> None:
    for name in ("CompRess-1q", "CompRess-2q", "SEED"):
        whole = made(name)
        run(whole, S, T)
        resumed = made(name)
        resumed.load_state_dict(whole.state_dict())
        one, other = run(whole, T, S), run(resumed, T, S)
        assert one[0] == other[0]
        assert torch.equal(one[1], other[1])


def test_the_means_of_processes_are_that_of_the_step() -> None:
    """Rows dealt out to two processes that see all of them."""
    halves = (slice(0, 5), slice(5, N))
    for name, each in OBJECTIVES.items():
        if each.prototypes:
            continue
        more: dict[str, Any] = {"scale": torch.tensor(4.0), "bias": torch.tensor(-1.0)}
        more["labels"] = LABELS.clamp_min(0) if name == "CrossEntropy" else LABELS
        whole = made(name)(Pairs(S, T, **more)).item()
        parts = [made(name)(Pairs(S, T, own=half, **more)).item() for half in halves]
        assert (5 * parts[0] + 3 * parts[1]) / N == pytest.approx(whole, abs=EXACT), name


def test_clip_and_siglip_are_open_clips() -> None:
    from open_clip import ClipLoss
    from open_clip.loss import SigLipLoss

    image, text = normalize(S, dim=1), normalize(T, dim=1)
    clip = run(made("InfoNCE"), S, T, scale=SCALE)[0]
    assert clip == pytest.approx(ClipLoss()(image, text, SCALE).item(), abs=1e-12)
    sig = run(made("SigLIP"), S, T, scale=10.0, bias=-10.0)[0]
    assert sig == pytest.approx(10.0078238147, abs=EXACT)
    assert sig == pytest.approx(SigLipLoss()(image, text, 10.0, -10.0).item(), abs=1e-12)


def test_distillation_is_open_clips() -> None:
    pairs = Pairs(S, T, scale=torch.tensor(SCALE, dtype=torch.float64))
    theirs = Pairs(
        wave(torch.sin, N, D, 0.51), wave(torch.cos, N, D, 0.41), scale=torch.tensor(100.0)
    )
    assert distilled(pairs, theirs).item() == pytest.approx(9.8978549759, abs=EXACT)


RECORDED = {
    "InfoNCE.scale": ("InfoNCE", {}, {"scale": SCALE}),
    "InfoNCE.default_scale": ("InfoNCE", {}, {"scale": 2.659}),
    "UniCL.scale": ("UniCL", {}, {"scale": SCALE, "labels": LABELS}),
    "UniCL.all_minus_one": ("UniCL", {}, {"scale": SCALE, "labels": torch.full((N,), -1)}),
    "UniCL.all_same": ("UniCL", {}, {"scale": SCALE, "labels": torch.zeros(N, dtype=torch.long)}),
    "CrossEntropy": ("CrossEntropy", {}, {"labels": LABELS.clamp_min(0)}),
    "SimReg": ("SimReg", {}, {}),
    "SimReg-L1": ("SimReg-L1", {}, {}),
    "SimReg-SmoothL1": ("SimReg-SmoothL1", {}, {}),
    "VICReg": ("VICReg", {}, {}),
    "BarlowTwins.itra": ("BarlowTwins", {"legacy_barlow": True}, {}),
    "BarlowTwins.paper": ("BarlowTwins", {}, {}),
    "RKD.d0.5_a1.0": ("RKD", {}, {}),
    "RKD.d1.0_a0.0": ("RKD", {"w_rkd_d": 1.0, "w_rkd_a": 0.0}, {}),
    "RKD.d0.0_a1.0": ("RKD", {"w_rkd_d": 0.0, "w_rkd_a": 1.0}, {}),
    "open_clip.ClipLoss": ("InfoNCE", {}, {"scale": SCALE}),
    "open_clip.SigLipLoss": ("SigLIP", {}, {"scale": 10.0, "bias": -10.0}),
}


@needs_recordings
@pytest.mark.parametrize("case", RECORDED)
def test_recorded_values_and_whole_gradients(case: str) -> None:
    held, wanted = tensors("losses"), numbers("losses")["losses"][case]
    name, changed, more = RECORDED[case]
    if case == "UniCL.scale":
        more = {**more, "labels": held["in.labels"]}
    if case == "CrossEntropy":
        more = {**more, "labels": held["in.labels"].clamp_min(0)}
    value, there, back = run(made(name, **changed), held["in.S"], held["in.T"], **more)
    assert value == pytest.approx(wanted["loss"], abs=EXACT)
    torch.testing.assert_close(there, held[f"out.{case}.dS"], atol=EXACT, rtol=0)
    torch.testing.assert_close(back, held[f"out.{case}.dT"], atol=EXACT, rtol=0)


STEPS = {
    "CompRess-1q": ("TS", ("step1", "step2")),
    "CompRess-2q": ("TS", ("step1", "step2")),
    "SEED": ("TS", ("step1", "step2")),
    "DINO": ("T1S1", ("step1", "step2", "step3")),
    "ProtoCPC": ("T1S1", ("step1", "step2", "step3")),
}
MEMORY = {
    "queue_teacher": "targets",
    "queue_student": "learners",
    "queue": "targets",
    "center": "centre",
    "prior": "prior",
}


@needs_recordings
@pytest.mark.parametrize("name", STEPS)
def test_recorded_steps_with_their_memory(name: str) -> None:
    held, wanted = tensors("losses"), numbers("losses")["losses"]
    kind, steps = STEPS[name]
    loss = made(name)
    if kind == "TS":
        loss.targets.copy_(held["in.Q"])
        inputs = [("T", "S"), ("Tb", "Sb")]
    else:
        inputs = [("T1", "S1"), ("T1b", "S1b"), ("T1", "S1")]
    if name == "CompRess-2q":
        loss.learners.copy_(held["in.Q2"])
    for step, (target, learner) in zip(steps, inputs, strict=True):
        value, there, _ = run(loss, held[f"in.{learner}"], held[f"in.{target}"])
        case = f"{name}.{step}"
        assert value == pytest.approx(wanted[case]["loss"], abs=EXACT)
        torch.testing.assert_close(there, held[f"out.{case}.dS"], atol=EXACT, rtol=0)
        for theirs, ours in MEMORY.items():
            if f"out.{case}.{theirs}" in held:
                kept = held[f"out.{case}.{theirs}"]
                kept = kept.T if theirs == "queue" else kept
                torch.testing.assert_close(getattr(loss, ours), kept, atol=EXACT, rtol=0)
        if "pointer_after" in wanted[case]:
            assert int(loss.place) == wanted[case]["pointer_after"]


def test_a_loss_of_one_pair_is_zero_where_there_is_nothing_to_tell_apart() -> None:
    assert math.isclose(run(made("InfoNCE"), S[:1], T[:1], scale=SCALE)[0], 0.0, abs_tol=1e-12)
