"""Every task that ships: trained, judged, shown; on two processes as on one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.runs.small import DRAWN, ROOT, read, run
from vlcli.runs.folder import RunFolder
from vlcli.spec.entries import TASKS


def test_every_built_in_task_has_a_spec_and_drawn_data() -> None:
    trained = {name for name, entry in TASKS.items() if not entry.judges}
    assert set(DRAWN) == trained - {"multitask"}


@pytest.mark.parametrize("task", DRAWN)
def test_a_task_trains_is_judged_and_told(task, tmp_path, cache, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    outcome = run(read(task), tmp_path / "run")
    (found,) = outcome.evaluations
    assert (found.task, found.split) == (task, "test")
    assert found.scores["examples"] > 0
    assert any(name.startswith("prior") for name in found.scores)
    held = RunFolder(outcome.run.path)
    assert held.facts["status"] == "finished"
    assert held.facts["score"]["split"] == "test"
    rows = (held.path / "predictions" / "test.jsonl").read_text().splitlines()
    assert len(rows) == len(found.examples)
    results = held.read_json("results/test.json")
    assert results["scores"] == pytest.approx(found.scores, nan_ok=True)
    assert outcome.written[0].is_file()


def test_two_processes_judge_every_task_as_one_does(tmp_path, cache) -> None:
    """Untrained models, all tasks: the same scores to the last bit."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    found = []
    for number, launch in enumerate(([], ["-m", "torch.distributed.run", "--nproc_per_node", "2"])):
        out = tmp_path / f"{number}.json"
        words = [sys.executable, *launch, "-m", "tests.runs.judge", str(out)]
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(out.read_text()))
    alone, shared = found
    assert set(alone) == set(DRAWN)
    for task in DRAWN:
        assert alone[task] == shared[task], task
