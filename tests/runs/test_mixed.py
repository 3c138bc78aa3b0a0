"""A run of several tasks: per-task data, scores and parameters, from training to evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.runs.small import FEW, ROOT, run
from vlcli.runs.evaluate import evaluate, evaluate_run
from vlcli.runs.folder import RunFolder
from vlcli.runs.parts import build
from vlcli.runs.predict import predict_records
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError
from vlcli.spec.read import Reading, read_spec

TASKS = ("vqa", "gqa", "nlvr", "refcoco")
SMALL = (
    *FEW,
    f"tasks={','.join(TASKS)}",
    'batch_size={"vqa": 12, "gqa": 8, "nlvr": 6, "refcoco": 6}',
    "task_weight={}",
    "multitask_sampling=roundrobin",
)


def read(*overrides: str) -> Reading:
    found = read_spec(ROOT / "specs" / "multitask.json5", [*SMALL, *overrides])
    assert found.spec is not None, found.problems
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cache) -> RunFolder:
    """With adapters of each task's own on a trained backbone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        folder = tmp_path_factory.mktemp("mixed") / "run"
        outcome = run(read("use_adapter=true", "reduction_factor=4"), folder)
    assert [each.task for each in outcome.evaluations] == list(TASKS)
    return outcome.run


def test_every_task_has_results_and_one_score_chooses(trained: RunFolder) -> None:
    found = {task: trained.read_json(f"results/{task}.test.json") for task in TASKS}
    assert {each["task"] for each in found.values()} == set(TASKS)
    bests = [each["scores"]["accuracy"] for each in found.values()]
    score = trained.facts["score"]
    assert score["name"] == "score"
    assert score["value"] == pytest.approx(sum(bests) / len(bests))
    told = [json.loads(line) for line in (trained.path / "metrics.jsonl").read_text().splitlines()]
    (scores,) = [row["scores"] for row in told if row["kind"] == "valid"]
    assert {"score", *(f"{task} accuracy" for task in TASKS)} == set(scores)
    assert set(json.loads((trained.path / "prior.json").read_text())) == set(TASKS)


def test_one_task_is_judged_alone_with_the_same_scores(trained: RunFolder, cache, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    spec = read_spec(trained.path / "spec.json5").spec
    before = trained.read_json("results/nlvr.test.json")["scores"]
    ((found, files),) = evaluate_run(trained, spec, None, "nlvr")
    assert (found.task, files) == ("nlvr", [])
    assert found.scores == pytest.approx(before)
    assert [each.task for each, _ in evaluate_run(trained, spec, "valid")] == list(TASKS)


def test_submissions_lie_beside_the_predictions(trained: RunFolder, cache, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    spec = read_spec(trained.path / "spec.json5", ["submit=true"]).spec
    ((_, files),) = evaluate_run(trained, spec, None, "nlvr")
    assert files == [trained.path / "submissions" / "nlvr.test" / "submit.csv"]
    assert files[0].read_text().count("\n") == 6


def test_predicting_needs_the_name_of_a_task(trained: RunFolder, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    spec = read_spec(trained.path / "spec.json5", ["use_vision=false"]).spec
    (tmp_path / "a.jsonl").write_text('{"text": "is there a circle?"}\n')
    with pytest.raises(UserError, match="say which with --task: vqa, gqa, nlvr, refcoco"):
        predict_records(trained, spec, tmp_path / "a.jsonl")


def parameters(architecture) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in architecture.named_parameters()}


@pytest.mark.parametrize("task", ["vqa", "refcoco"])
def test_judging_a_task_asks_no_parameter_of_another(task, cache, monkeypatch) -> None:
    """Another task's adapters may hold anything: no prediction changes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    spec = read("use_adapter=true", "reduction_factor=4").spec
    with Engine(spec, spec) as engine:
        parts = build(spec)
        job, model = parts.jobs[task], parts.architecture
        before = parameters(model)
        first = evaluate(model, job, "valid", job.valid, engine)
        after = parameters(model)
        assert all(torch.equal(value, after[name]) for name, value in before.items())
        others = [n for n, part in model.parts().items() if part.task not in (None, task)]
        assert others
        with torch.no_grad():
            for name in others:
                model.get_parameter(name).fill_(float("nan"))
        second = evaluate(model, job, "valid", job.valid, engine)
    assert first.predictions == second.predictions
    assert first.scores == second.scores


def test_a_shared_adapter_trains_with_all_tasks(tmp_path: Path, cache, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    shared = ("use_adapter=true", "use_single_adapter=true", "multitask_sampling=alternate")
    outcome = run(read(*shared), tmp_path / "run")
    assert outcome.result is not None
    assert outcome.result.steps == 2 + 3 + 4 + 4  # 24 examples each
    assert len(outcome.evaluations) == len(TASKS)


def test_every_task_searches_with_its_own_beams(cache, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    parts = build(read('num_beams={"gqa": 3}').spec)
    found = {name: {each.beams for each in job.valid} for name, job in parts.jobs.items()}
    assert found == {"vqa": {1}, "gqa": {3}, "nlvr": {None}, "refcoco": {None}}


def test_a_task_that_weighs_nothing_learns_nothing(cache, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    spec = read('task_weight={"gqa": 0.0, "vqa": 2.0}').spec
    with Engine(spec, spec) as engine:
        parts = build(spec)
        weights: dict[str, set[float]] = {}
        for batch in parts.batches(engine).epoch(0):
            weights.setdefault(batch.task, set()).update(batch.weights.tolist())
    assert weights == {"gqa": {0.0}, "vqa": {2.0}, "nlvr": {1.0}, "refcoco": {1.0}}
