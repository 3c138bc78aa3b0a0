"""The rate of each update, as published."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.schedule import Schedule

from .tiny import spec

PARITY = Path(os.environ.get("VLCLI_PARITY_DIR", "../shared/parity")) / "vlt5"


def rates(total: int, **values: float | str) -> list[float]:
    schedule = Schedule(spec(**values), total)
    return [schedule.factor(step) for step in range(total)]


def test_linear_rises_from_zero_and_falls_to_zero() -> None:
    assert rates(10, warmup_ratio=0.25) == pytest.approx(
        [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    )
    assert Schedule(spec(), 10).factor(10) == 0


def test_without_warm_up_the_first_update_has_the_whole_rate() -> None:
    assert rates(4, warmup_ratio=0.0) == [1, 0.75, 0.5, 0.25]


def test_cosine_and_constant() -> None:
    assert rates(4, warmup_ratio=0.0, lr_schedule="cosine") == pytest.approx(
        [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]
    )
    assert rates(4, warmup_ratio=0.5, lr_schedule="constant") == [0, 0.5, 1, 1]


def test_a_counted_warm_up_begins_with_its_first_share() -> None:
    """B14: the schedule of ITRA with base 1, 4 updates of warm-up out of 10."""
    published = [0.25, 0.5, 0.75, 1, 1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873]
    assert rates(10, warmup=4, lr_schedule="cosine") == pytest.approx(published, abs=1e-7)
    assert rates(3, warmup=0, lr_schedule="constant") == [1, 1, 1]


ITRA = PARITY.parent / "itra/tables.json"


@pytest.mark.skipif(not ITRA.is_file(), reason="no recorded reference here")
def test_parity_of_the_recorded_schedules_of_itra() -> None:
    recorded = json.loads(ITRA.read_text())["schedule"]
    assert len(recorded["table"]) > 2
    for case, rows in recorded["table"].items():
        known = dict(part.split("=") for part in case.split(","))
        base, total = float(known["base"]), int(known["total"])
        args = spec(lr=base, warmup=int(known["warmup"]), lr_schedule="cosine")
        params = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
        groups = [
            {"params": [p], "lr": base * scale}
            for p, scale in zip(params, recorded["groups_lr_scale"], strict=True)
        ]
        optimizer = build_optimizer(args, groups)
        for step, row in enumerate(rows):
            Schedule(args, total).set(optimizer, step)
            found = [group["lr"] for group in optimizer.param_groups]
            assert found == pytest.approx(row["group_lrs"], rel=1e-12), (case, step)


@pytest.mark.skipif(not PARITY.is_dir(), reason="no recorded reference here")
def test_parity_of_the_recorded_rates() -> None:
    """10 batches x 2 epochs, lr 1e-2, warm-up 0.1: the rates before updates 0, 1 and 2."""
    args = spec(lr=1e-2, warmup_ratio=0.1)
    recorded = {case.name: json.loads(case.read_text()) for case in sorted(PARITY.glob("*.json"))}
    with_rates = {name: known for name, known in recorded.items() if "lrs" in known}
    assert with_rates
    for name, known in with_rates.items():
        optimizer = build_optimizer(args, [{"params": [torch.nn.Parameter(torch.ones(1))]}])
        seen = []
        for step in range(3):
            Schedule(args, 20).set(optimizer, step)
            seen.append(optimizer.param_groups[0]["lr"])
        assert seen == pytest.approx(known["lrs"]), name
