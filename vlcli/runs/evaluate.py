"""Predictions and scores on a split, on one process or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

from vlcli.contracts import Architecture, Example, Prediction
from vlcli.data.batching import EvalOrder, groups, loader
from vlcli.data.dataset import EvalSet
from vlcli.data.faults import Skips, in_results, nothing_readable, told
from vlcli.data.sources import Role
from vlcli.runs.folder import RunFolder
from vlcli.runs.jobs import Job, split_name
from vlcli.runs.parts import build
from vlcli.runs.shortage import shortages
from vlcli.runs.weights import load_best
from vlcli.runtime import distributed
from vlcli.runtime.engine import Engine
from vlcli.spec.entries import judges
from vlcli.spec.problem import Unjudged, UserError

WORKERS = 2  # loading processes of an evaluation, at most

Held = TypeVar("Held")


class Evaluation(NamedTuple):
    """What came of one split of one task: scores, what they are in words, examples with their
    predictions, what could not be read and stands in no score (sentences by id), and the files that
    the task's test server takes (texts by name)."""

    task: str
    split: str
    scores: dict[str, float]
    notes: dict[str, str]
    examples: list[Example]
    predictions: dict[str, Prediction]
    skipped: dict[str, str]
    submission: dict[str, str]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row an example, as kept in predictions/<split>.jsonl."""
        for each in self.examples:
            row: dict[str, Any] = {"id": each.id, "text": each.text}
            row |= {"image": each.images[0] if len(each.images) == 1 else list(each.images)}
            said = self.predictions[each.id]
            row |= {"prediction": said.text}
            row |= {"scores": list(said.scores)} if said.scores else {}
            row |= {"box": list(said.box)} if said.box else {}
            row |= {"answers": list(each.references) or list(each.labels)}
            yield row | ({"kind": each.kind} if each.kind else {})


class Said(NamedTuple):
    """Predictions by id, and the examples that looking at their pictures has changed."""

    predictions: dict[str, Prediction]
    looked: dict[str, Example]


def predict(
    architecture: Architecture,
    job: Job,
    examples: Sequence[Example],
    engine: Engine,
    skips: Skips | None = None,
    workers: int = 0,
) -> Said:
    """What the model answers to every example; each process does whole batches of the order that a
    single one would take, and all get everything. An example that cannot be read is an error, or
    goes to `skips`."""
    skips = skips or Skips()
    size = job.spec.valid_batch_size or job.spec.batch_size
    order = EvalOrder(groups(examples, size).values(), engine.rank, engine.world)
    mine = Said({}, {})
    with engine.evaluating(architecture):
        dataset = EvalSet(examples, job.reader, job.task.look)
        for load in skips.loads(loader(dataset, order, architecture.collator(), workers)):
            answers = architecture.predict(load.batch.to(engine.device))
            mine.predictions.update({each.id: each for each in answers})
            mine.looked.update({each.id: each for each in load.looked})
    skips.found = merged(skips.found)
    return Said(merged(mine.predictions), merged(mine.looked))


def merged(mine: dict[str, Held]) -> dict[str, Held]:
    """What all processes hold, on each of them."""
    return {name: held for each in distributed.gather(mine) for name, held in each.items()}


def evaluate(
    architecture: Architecture,
    job: Job,
    split: str,
    examples: list[Example],
    engine: Engine,
    last: bool = False,
) -> Evaluation:
    """Predict and score one split. What cannot be read is in no score and told beside them. The
    `last` evaluation of a run has the scores that take too long for every validation, and what is
    to be submitted."""
    spec, task = job.spec, job.task.final() if last else job.task
    skips = Skips(spec.on_bad_example)
    every = [*examples, *task.beside(examples)]
    found = predict(architecture, job, every, engine, skips, min(spec.num_workers, WORKERS))
    said = found.predictions
    seen = [found.looked.get(each.id, each) for each in examples if each.id in said]
    if examples and not seen:
        raise nothing_readable(examples, skips.found)
    submitted = last and spec.submit

    def judged() -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
        files: dict[str, str] = {}
        lacking: dict[str, str] = {}
        if submitted:
            try:
                files = task.submission(seen, said, split)
            except UserError as error:
                lacking["submission"] = f"none: {error}"
        try:
            return task.score(seen, said), task.notes(seen) | lacking, files
        except Unjudged as error:
            if not files:
                raise
            return {}, {"scores": f"none: {error}"}, files

    scores, notes, files = distributed.on_first(judged)
    if skips.found:
        skipped = told(skips.found, len(every), split)
        rest = scores.get("examples", len(seen))
        left = f" Scores are over the rest alone: {rest:,.0f}." if scores else ""
        notes = {**notes, "skipped": skipped + left}
    kept = task.settle(seen, said) if last else said
    return Evaluation(task.name, split, scores, notes, seen, kept, skips.found, files)


def keep(run: RunFolder, evaluation: Evaluation) -> list[Path]:
    """Write scores and predictions of a split into the run folder; the files to be submitted."""
    name = evaluation.split.replace("/", "_").replace(",", "+")
    if run.mixed or evaluation.task not in run.facts.get("tasks", (evaluation.task,)):
        name = f"{evaluation.task}.{name}"
    run.write_lines(f"predictions/{name}.jsonl", evaluation.rows())
    run.write_json(
        f"results/{name}.json",
        {
            "task": evaluation.task,
            "split": evaluation.split,
            "examples": len(evaluation.examples),
            "scores": evaluation.scores,
            "notes": evaluation.notes,
            "skipped": in_results(evaluation.skipped),
        },
    )
    return [
        run.write_text(f"submissions/{name}/{file}", text)
        for file, text in evaluation.submission.items()
    ]


def evaluate_run(
    run: RunFolder, spec: Any, split: str | None, task: str | None = None
) -> list[tuple[Evaluation, list[Path]]]:
    """The best checkpoint of a run on a split: the named one, else `test`, else `valid`; of one of
    its tasks, or of all, or by a task that judges them. With each the files to be submitted."""
    only = task if task and task != spec.task and (run.mixed or judges(task, spec.task)) else None
    with shortages(spec), Engine(spec, spec) as engine:
        parts = build(spec, run, learning=False, only=only)
        asked = []
        for job in parts.jobs.values():
            role, names, name = split_of(job.spec, split)
            if job.task.fitted:
                job.train = job.read(job.spec.train, "train", training=True)
            asked.append((job, name, job.read(names, role)))
        load_best(parts.architecture, run, spec.eval_with_wise_ft)
        parts.architecture.to(engine.device)
        found = []
        for job, name, examples in asked:
            each = evaluate(parts.architecture, job, name, examples, engine, last=True)
            found.append((each, keep(run, each) if engine.main else []))
    return found


def split_of(spec: Any, split: str | None) -> tuple[Role, str, str]:
    """The role of the records meant (by None: `test`, else `valid`), where they are, and what
    results call them."""
    if split is not None and split not in get_args(Role):
        return "test", split, split
    role: Role = split or ("test" if spec.test else "valid")  # type: ignore[assignment]
    names = getattr(spec, role)
    if not names:
        raise UserError(f"The spec of this run has no {role} split. Name one with --split.", 3)
    return role, names, split_name(names, role)
