"""The scores of untrained models on every drawn task: `python -m tests.runs.judge OUT`, alone or
under torchrun."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.runs.small import DRAWN, read
from vlcli.contracts import Prediction
from vlcli.runs.evaluate import evaluate
from vlcli.runs.parts import build
from vlcli.runtime import seeds
from vlcli.runtime.engine import Engine


def plain(said: Prediction) -> list[Any]:
    return [*said[:-1], {side: vector.tolist() for side, vector in said.vectors.items()}]


def main() -> None:
    found = {}
    specs = [read(task, "batch_size=5", "valid_topk=12").spec for task in DRAWN]
    with Engine(specs[0], specs[0]) as engine:
        for task, spec in zip(DRAWN, specs, strict=True):
            assert spec is not None
            seeds.seed_everything(spec.seed)
            parts = build(spec)
            (job,) = parts.jobs.values()
            evaluation = evaluate(parts.architecture, job, "valid", job.valid, engine)
            said = {name: plain(each) for name, each in sorted(evaluation.predictions.items())}
            found[task] = {"scores": evaluation.scores, "said": said}
        if engine.main:
            Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
