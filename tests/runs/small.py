"""The specs that ship, made small enough for a test, and run in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import json5

from vlcli.runs.train import Outcome, Plan, train
from vlcli.runtime.progress import screen_for
from vlcli.spec.read import Reading, read_spec
from vlcli.spec.resolved import resolved

ROOT = Path(__file__).resolve().parents[2]
FEW = ("epochs=1", "train_topk=24", "valid_topk=6", "num_workers=0", "batch_size=12")
DRAWN = (
    *("vqa", "gqa", "nlvr", "vcr", "caption", "refcoco", "mmt", "cls", "tvqa", "how2qa"),
    *("tvc", "yc2c", "activitynet", "pretrain", "pretrain_vcr", "alignment"),
)


def spec_of(task: str) -> Path:
    """The spec that trains a task on the built-in data."""
    name = {"vqa": "quickstart", "caption": "captions"}.get(task, task)
    return ROOT / "specs" / f"{name}.json5"


def read(task: str, *overrides: str) -> Reading:
    """The spec of a task with few pictures; one that goes on from another run begins anew."""
    path = spec_of(task)
    alone = ["load=null", "from_scratch=true", "tokenizer=train"]
    begins = alone if "load" in json5.loads(path.read_text()) else []
    return read_spec(path, [*FEW, *begins, *overrides])


def run(reading: Reading, output: Path, resume: Any = None) -> Outcome:
    """Train what a reading says, quietly."""
    assert reading.spec is not None, reading.problems
    spec = reading.spec.but(output=str(output))
    plan = Plan(spec, resolved(reading), "small", reading.written, "", resume)
    return train(plan, screen_for(False, None))
