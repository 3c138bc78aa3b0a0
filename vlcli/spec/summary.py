"""What a run would do, in one line."""

from __future__ import annotations

from . import facts
from .read import Reading
from .run import Run
from .values import printable


def summary(reading: Reading) -> str:
    """ "Trains vlt5 (t5-base) on vqa, data datasets: adapters; butd features (36 x 2048)." """
    run = Run(reading.values)
    task = run.task
    what = task if task != "multitask" else " + ".join(dict.fromkeys(run.tasks))
    method = reading.chosen.spec.method(run)
    if "backbone" not in reading.values:
        return printable(f"{_verb(run)} {reading.chosen.arch} on {what}: {method}.")
    origin = f"{run.backbone}, from scratch" if run.from_scratch else str(run.backbone)
    data = run.dataset or run.data_root
    sight = f"{run.feature_type} features{_grid(run)}" if run.use_vision else "text only"
    return printable(
        f"{_verb(run)} {reading.chosen.arch} ({origin}) on {what}, data {data}: {method}; {sight}."
    )


def _verb(run: Run) -> str:
    return "Tests" if run.values.get("test_only") or run.values.get("epochs") == 0 else "Trains"


def _grid(run: Run) -> str:
    found = facts.features(run)
    tokens = facts.visual_tokens(run)
    return f" ({tokens} x {found.width})" if tokens and found.width else ""
