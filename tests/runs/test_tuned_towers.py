"""Runs whose image tower learns in part or as a whole: what trains, how fast, and what is kept."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.runs.test_raw import SPEC, lay_out
from vlcli.runs.evaluate import evaluate
from vlcli.runs.folder import RunFolder
from vlcli.runs.parts import Parts, build
from vlcli.runs.train import Outcome, Plan, train
from vlcli.runs.weights import load_best
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.engine import Engine
from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.progress import screen_for
from vlcli.runtime.snapshot import WEIGHTS
from vlcli.runtime.sources import SOURCES
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text
from vlcli.towers.build import build as build_tower

SIDE = 64
RESNET, VIT = "timm:test_resnet", "timm:test_vit"
RAW: dict[str, Any] = {"feature_type": f"raw:{RESNET}", "vis_weights": "random", "task": "vqa"}
ADAPTERS = {"use_vis_adapter": True, "vis_adapter_type": "back-bottleneck"}
OWN_RATES = {"use_separate_optimizer_for_visual": True, "vis_lr": 0.02, "vis_weight_decay": 0.1}
INSIDE = "vis_encoder.model.visual."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("pictures"), "vqa")


def spec(data: Path, output: Path, **values: Any) -> Any:
    values = {**SPEC, **RAW, "image_size": SIDE, "train": str(data), "valid": str(data), **values}
    reading = read_spec_text(json.dumps({**values, "output": str(output)}))
    assert reading.spec is not None, reading.problems
    return reading.spec


def run(made: Any, resume: RunFolder | None = None) -> Outcome:
    return train(Plan(made, "{}", "raw", (), "", resume), screen_for(False, None))


def held(path: Path) -> Path:
    """The newest checkpoint of a run."""
    return Checkpoints(path / "checkpoints").all()[0]


def weights(path: Path) -> dict[str, Tensor]:
    return load_file(held(path) / WEIGHTS)


def tower_of(parts: Parts) -> dict[str, Tensor]:
    found = parts.architecture.state_dict().items()
    return {n.removeprefix(INSIDE): v for n, v in found if n.startswith(INSIDE)}


@pytest.mark.parametrize(
    ("encoder", "values", "trains"),
    [
        (RESNET, {}, None),
        (RESNET, {"unfreeze_vis_encoder": True}, r".*"),
        (RESNET, {"unfreeze_vis_last_layer": True}, r"layer4\..*"),
        (VIT, {"unfreeze_vis_last_layer": True}, r"blocks\.5\..*"),
        (RESNET, {"unfreeze_batch_norms": True}, r"(.*\.)?(bn\d|conv1\.[14]|downsample\.2)\..*"),
        (RESNET, ADAPTERS, r"layer3\.0\.back_adapter\..*"),
        (VIT, {"use_vis_adapter": True}, r"blocks\.[0-5]\.middle_adapter\..*"),
    ],
    ids=str,
)
def test_what_a_key_lets_train_moves_and_nothing_else(
    data: Path, tmp_path: Path, encoder: str, values: dict[str, Any], trains: str | None
) -> None:
    arguments = {"feature_type": f"raw:{encoder}", "freeze_bn_statistics": True, "epochs": 1}
    arguments |= {"weight_decay": 0.0}
    made = spec(data, tmp_path / "run", **{**arguments, **values})
    before = tower_of(build(made))
    run(made)
    now = weights(tmp_path / "run")
    moved = {name for name, value in before.items() if not value.equal(now[INSIDE + name])}
    assert bool(moved) == (trains is not None)
    assert [name for name in moved if not re.fullmatch(trains or "", name)] == []
    if moved and "unfreeze_batch_norms" not in values:
        assert any(now[INSIDE + name].ndim > 1 for name in moved)


def test_a_tower_with_rates_of_its_own_has_groups_of_its_own(data: Path, tmp_path: Path) -> None:
    values = {"unfreeze_vis_encoder": True, "unfreeze_language_model": False, "lr": 0.001}
    parts = build(spec(data, tmp_path / "run", **values, **OWN_RATES))
    model = parts.architecture
    inside = {id(p): n for n, p in model.named_parameters() if n.startswith("vis_encoder.")}
    groups = build_optimizer(parts.spec, model.param_groups(0.01)).param_groups
    own = [group for group in groups if id(group["params"][0]) in inside]
    assert {id(p) for group in own for p in group["params"]} == set(inside)
    assert [(g["lr"], g["weight_decay"], g["sgd"]) for g in own] == [
        (0.02, 0.1, True),
        (0.02, 0.0, True),
    ]
    bare = [inside[id(p)] for p in own[1]["params"]]
    assert all(name.endswith("bias") for name in bare)
    others = [group for group in groups if group not in own]
    assert {(g["lr"], g["sgd"]) for g in others} == {(0.001, False)}
    adam = build(parts.spec.but(use_adam_for_visual=True)).architecture.param_groups(0.01)
    assert not any(group.get("sgd") for group in adam)


def test_plain_steps_of_the_tower_are_those_of_sgd(data: Path, tmp_path: Path) -> None:
    """One update from the first weights: p - rate (gradient + decay p)."""
    values = {"unfreeze_vis_encoder": True, "freeze_bn_statistics": True, **OWN_RATES}
    values |= {"epochs": 1, "warmup_ratio": 0, "lr_schedule": "constant", "batch_size": 24}
    made = spec(data, tmp_path / "run", **values)
    parts = build(made)
    model = parts.architecture.train()
    with Engine(made) as engine:
        (batch,) = parts.batches(engine).epoch(0, 0)
    model(batch).sum.backward()
    count = model.count(batch)
    name = f"{INSIDE}layer3.0.conv1.weight"
    p = model.get_parameter(name)
    assert p.grad is not None
    expected = p - 0.02 * (p.grad / count + 0.1 * p)
    run(made)
    assert torch.allclose(weights(tmp_path / "run")[name], expected, atol=1e-6)


@pytest.mark.parametrize("adam", [True, False])
def test_resuming_gives_the_same_weights_as_never_stopping(
    data: Path, tmp_path: Path, adam: bool
) -> None:
    """Adapters, a last stage, batch norms that drift, and rates of their own."""
    values = {**ADAPTERS, **OWN_RATES, "unfreeze_vis_last_layer": True, "epochs": 2}
    made = spec(data, tmp_path / "whole", **values, use_adam_for_visual=adam)
    run(made)
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(held(tmp_path / "cut"))
    cut = RunFolder(tmp_path / "cut")
    assert held(cut.path).name < held(tmp_path / "whole").name
    torch.rand(7)  # the new process has drawn other numbers
    run(made, cut)
    ours, theirs = weights(cut.path), weights(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(value) for name, value in theirs.items())
    assert ours[f"{INSIDE}bn1.running_mean"].any()


@pytest.mark.parametrize("kept", [True, False])
def test_a_frozen_tower_is_left_out_of_checkpoints_where_a_name_gives_it_again(
    data: Path, tmp_path: Path, kept: bool
) -> None:
    """Adapters stay in, and so do batch norms that have drifted; the run is evaluated and resumed
    all the same."""
    tower = build_tower(RESNET, "random")
    for value in tower.parameters():
        value += 0.02 * torch.randn_like(value)
    save_file(tower.visual.state_dict(), tmp_path / "tower.safetensors")
    values = {"vis_weights": str(tmp_path / "tower.safetensors"), "freeze_bn_statistics": kept}
    made = spec(data, tmp_path / "run", **values, **ADAPTERS, epochs=2)
    outcome = run(made)
    names = {n.removeprefix(INSIDE) for n in weights(tmp_path / "run") if n.startswith(INSIDE)}
    stay = {n for n in names if "_adapter." not in n and "num_batches_tracked" not in n}
    assert stay == set() if kept else all(n.endswith(("running_mean", "running_var")) for n in stay)
    assert bool(stay) != kept
    assert any("back_adapter" in name for name in names)
    (left,) = json.loads((held(tmp_path / "run") / SOURCES).read_text())
    assert left["name"] == f"{RESNET} of {values['vis_weights']}"

    folder = RunFolder(tmp_path / "run")
    parts = build(made, folder)
    load_best(parts.architecture, folder)
    trained = outcome.evaluations[0].scores
    (job,) = parts.jobs.values()
    with Engine(made) as engine:
        again = evaluate(parts.architecture, job, "valid", job.valid, engine, last=True)
    assert again.scores == trained

    whole = weights(tmp_path / "run")
    shutil.rmtree(held(tmp_path / "run"))
    run(made, folder)
    assert all(value.equal(whole[name]) for name, value in weights(tmp_path / "run").items())


def test_a_run_beside_a_tower_needs_that_tower_again(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "tower.safetensors"
    tower = build_tower(RESNET, "random")
    save_file(tower.visual.state_dict(), path)
    made = spec(data, tmp_path / "run", vis_weights=str(path), freeze_bn_statistics=True, epochs=1)
    run(made)
    changed = {name: value * 1.1 for name, value in load_file(path).items()}
    save_file(changed, path)
    folder = RunFolder(tmp_path / "run")
    parts = build(made, folder)
    with pytest.raises(UserError, match=r"trained beside timm:test_resnet of .* other weights"):
        load_best(parts.architecture, folder)
    path.unlink()
    with pytest.raises(UserError, match="There is no weight file"):
        build(made, folder)


def test_weights_of_a_model_without_a_tower_leave_the_towers_own(
    data: Path, tmp_path: Path
) -> None:
    """Of one that saw stored features, say, as wide as the tower's."""
    made = spec(data, tmp_path / "run", freeze_bn_statistics=True, epochs=1)
    run(made)
    blind = {n: v for n, v in weights(tmp_path / "run").items() if not n.startswith("vis_encoder.")}
    save_file(blind, tmp_path / "blind.safetensors")
    tower = build_tower(RESNET, "random").visual.state_dict()
    tower = {name: value * 0.9 for name, value in tower.items()}
    save_file(tower, tmp_path / "tower.safetensors")
    values = {"load": str(tmp_path / "blind"), "vis_weights": str(tmp_path / "tower.safetensors")}
    values |= {"tokenizer": str(tmp_path / "run/tokenizer"), "from_scratch": False}
    parts = build(spec(data, tmp_path / "next", **values, freeze_bn_statistics=True))
    now = parts.architecture.state_dict()
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"
    assert now[name].equal(blind[name])
    assert now[f"{INSIDE}layer1.0.conv1.weight"].equal(tower["layer1.0.conv1.weight"])
    assert any("of the image tower" in remark for remark in parts.remarks)
    assert [each.name for each in parts.architecture.sources] == [
        f"{RESNET} of {values['vis_weights']}"
    ]


@pytest.mark.parametrize(
    ("encoder", "values", "said"),
    [
        ("torchvision:squeezenet1_1", {"use_vis_adapter": True}, "no blocks with places for"),
        ("timm:inception_v3", {"unfreeze_vis_last_layer": True, "image_size": 96}, "no last stage"),
        (RESNET, {"vis_weights": "gone.pth"}, "There is no weight file"),
        ("timm:test_mixer", {}, 'timm has no encoder "test_mixer"'),
        ("torchvision:vit_b_32", {"image_size": 8}, "cannot see pictures of 8 x 8 pixels"),
    ],
    ids=str,
)
def test_what_a_tower_does_not_have_is_one_sentence(
    data: Path, tmp_path: Path, encoder: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        build(spec(data, tmp_path / "run", **{"feature_type": f"raw:{encoder}", **values}))


@pytest.mark.parametrize(
    ("encoder", "values", "said"),
    [
        (VIT, {"freeze_bn_statistics": True}, "freeze_bn_statistics has no effect"),
        (VIT, {"unfreeze_batch_norms": True}, "unfreeze_batch_norms has no effect"),
        (RESNET, {}, "the batch norms of the frozen timm:test_resnet change while training"),
        (
            VIT,
            {"use_vis_adapter": True, "remove_bn_vis_adapter": True},
            "remove_bn_vis_adapter has no effect",
        ),
    ],
    ids=str,
)
def test_what_a_key_means_for_a_tower_is_said(
    data: Path, tmp_path: Path, encoder: str, values: dict[str, Any], said: str
) -> None:
    made = spec(data, tmp_path / "run", **{"feature_type": f"raw:{encoder}", **values})
    (remark,) = build(made).remarks
    assert said in remark


def test_a_tower_computes_in_the_precision_of_the_run(data: Path, tmp_path: Path) -> None:
    values = {**ADAPTERS, "epochs": 1, "freeze_bn_statistics": True}
    full, half = (
        run(spec(data, tmp_path / precision, **values, precision=precision)).evaluations
        for precision in ("fp32", "bf16")
    )
    assert full
    assert half
    first, second = (weights(tmp_path / each) for each in ("fp32", "bf16"))
    moved = [name for name in first if "_adapter." in name and first[name].ndim > 1]
    assert all(first[n].dtype == second[n].dtype == torch.float32 for n in moved)
    assert all(torch.allclose(first[n], second[n], atol=0.02) for n in moved)
    assert not all(first[n].equal(second[n]) for n in moved)
