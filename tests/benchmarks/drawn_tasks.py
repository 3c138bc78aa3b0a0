"""The tasks on the built-in data, each beside the twin that sees no picture.

    python tests/benchmarks/drawn_tasks.py OUT [NAME ...] [--only full|blind]

NAME is that of a file in `specs/` or of a variant below (all tasks where none is given); what goes
on from other weights (vcr from pretrain_vcr, adapters of several tasks from quickstart) takes those
of OUT. OUT gets the runs and `results.json`; a run that is there already is only judged. Every step
is a `vlcli` command; the seconds are those of `vlcli train` from its start to its end, validation
and test included.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import json5
from real_pictures import judged, vlcli

SPECS = Path(__file__).parents[2] / "specs"
TASKS = (
    *("quickstart", "gqa", "nlvr", "captions", "refcoco", "mmt", "cls"),
    *("tvqa", "how2qa", "tvc", "yc2c", "activitynet", "pretrain", "pretrain_vcr", "vcr"),
)
VARIANTS = {"multitask_shared_adapter": ("multitask_adapters", "use_single_adapter=true")}


def trained(out: Path, name: str, use_vision: bool, before: dict[str, Any]) -> dict[str, Any]:
    """The scores of one spec's run on the test split, and how long it took, now or `before`."""
    run = out / (name if use_vision else f"{name}-blind")
    seconds = before.get("seconds", 0.0)
    if not run.exists():
        plain, *others = VARIANTS.get(name, (name,))
        spec = SPECS / f"{plain}.json5"
        values = [f"output={run}", *others, *([] if use_vision else ["use_vision=false"])]
        if first := json5.loads(spec.read_text()).get("load"):
            values.append(f"load={out / (first if use_vision else first + '-blind')}")
        seconds = vlcli("train", str(spec), *(f"--set={value}" for value in values))
    return {"seconds": round(seconds), **judged(run)}


def main(out: Path, names: list[str], twins: list[bool]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    results: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    for use_vision in twins:
        for name in names:
            twin = name if use_vision else f"{name}-blind"
            results[twin] = trained(out, name, use_vision, results.get(twin, {}))
            kept.write_text(json.dumps(results, indent=1))
    for name, result in results.items():
        numbers = {key: round(value, 4) for key, value in result["metrics"].items()}
        print(f"{name}: {result['seconds']} s {numbers}")


if __name__ == "__main__":
    words = sys.argv[1:]
    twins = [True, False]
    if "--only" in words:
        at = words.index("--only")
        twins = [words[at + 1] == "full"]
        del words[at : at + 2]
    main(Path(words[0]), words[1:] or list(TASKS), twins)
