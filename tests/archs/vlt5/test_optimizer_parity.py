"""Two updates of the published recipe, taken with our optimizer, schedule and update, leave the
recorded weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.archs.vlt5.recorded import case, model_of, names, needs_recordings
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.runtime.engine import Engine
from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.schedule import Schedule
from vlcli.runtime.update import Updates

pytestmark = needs_recordings

UPDATES = 20  # of the recorded run: 10 batches, 2 epochs
RECIPE = {"lr": 1e-2, "clip_grad_norm": 5.0, "warmup_ratio": 0.1, "device": "cpu"}
RECORDED = names("param_sums_after_2_steps")
# Ours has LoRA on T5, which moves in the first step and counts in the length of the gradient.
STEPPED = [name for name in RECORDED if not case(name).without_lora]


def stepped(name: str) -> tuple[VLArchitecture, list[float]]:
    """The model after two updates on its one batch, and the rates of those and of the next."""
    recorded = case(name)
    args = recorded.args.but(**RECIPE)
    model = model_of(recorded)
    # The recorder took the mean over all target tokens.
    batch = replace(recorded.batch(), averaged="token")
    schedule, rates = Schedule(args, UPDATES), []
    with Engine(args) as engine:
        optimizer = build_optimizer(args, model.param_groups(args.weight_decay))
        wrapped, stepping = engine.prepare(model, optimizer)
        updates = Updates(engine, model, wrapped, stepping, args.clip_grad_norm)
        for number in range(3):
            schedule.set(stepping, number)
            rates.append(stepping.param_groups[0]["lr"])
            if number < 2:
                updates.make([batch], number + 1)
                stepping.zero_grad(set_to_none=True)
    return model, rates


def test_parity_of_optimizer_steps_was_recorded_for_both_families() -> None:
    assert {name.split("_")[0] for name in STEPPED} == {"t5", "bart"}


@pytest.mark.parametrize("name", STEPPED)
def test_parity_of_weights_after_two_optimizer_steps(name: str) -> None:
    facts = case(name).facts
    model, rates = stepped(name)
    assert rates == pytest.approx(facts["lrs"], abs=1e-12)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert trained.keys() == facts["param_sums_after_2_steps"].keys()
    for parameter, total in facts["param_sums_after_2_steps"].items():
        ours = trained[parameter].detach().double().sum().item()
        assert ours == pytest.approx(total, abs=1e-4), parameter
    before = model_of(case(name)).state_dict()
    moved = [n for n, p in trained.items() if not torch.equal(p, before[n])]
    assert moved == facts["changed"]


@pytest.mark.parametrize("name", STEPPED)
def test_parity_of_optimizer_groups(name: str) -> None:
    """The published groups hold frozen parameters too, which no update reaches; ours do not."""
    recorded = case(name)
    model = model_of(recorded)
    called = {id(p): n for n, p in model.named_parameters()}
    ours = [
        (group["weight_decay"], [called[id(p)] for p in group["params"]])
        for group in model.param_groups(recorded.args.weight_decay)
    ]
    trained = {n for n, _, on in recorded.facts["params"] if on}
    theirs = [
        (each["weight_decay"], [n for n in each["names"] if n in trained])
        for each in recorded.facts["optim_groups"]
    ]
    assert ours == theirs
