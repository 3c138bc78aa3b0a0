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
