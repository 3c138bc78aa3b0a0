"""Predictions and scores on a split, on one process or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

from vlcli.contracts import Architecture, Example, Task
from vlcli.data.batching import EvalOrder, lengths, loader
from vlcli.data.dataset import ExampleSet
from vlcli.data.faults import Skips, in_results, nothing_readable, told
from vlcli.data.sources import Role
from vlcli.data.visual import Reader
from vlcli.runs.folder import RunFolder
from vlcli.runs.parts import build, evaluated, examples_of, split_name
from vlcli.runs.shortage import shortages
from vlcli.runs.weights import load_best
from vlcli.runtime import distributed
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError


class Evaluation(NamedTuple):
    """What came of one split: scores, what they are in words, examples with their predictions, and
    what could not be read and stands in no score (sentences by id)."""

    split: str
    scores: dict[str, float]
    notes: dict[str, str]
    examples: list[Example]
    predictions: dict[str, str]
    skipped: dict[str, str]

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row an example, as kept in predictions/<split>.jsonl."""
        for each in self.examples:
            row: dict[str, Any] = {"id": each.id, "text": each.text}
            row |= {"image": each.images[0] if len(each.images) == 1 else list(each.images)}
            row |= {"prediction": self.predictions[each.id]}
            row |= {"answers": list(each.references) or list(each.labels)}
            yield row | ({"kind": each.kind} if each.kind else {})


def predict(
    architecture: Architecture,
    examples: Sequence[Example],
    reader: Reader | None,
    engine: Engine,
    batch_size: int,
    num_workers: int = 0,
    skips: Skips | None = None,
) -> dict[str, str]:
    """What the model writes for every example, by id; each process does whole batches of the order
    that a single one would take, and all get everything. An example that cannot be read is an
    error, or goes to `skips`."""
    skips = skips or Skips()
    order = EvalOrder(lengths(examples), batch_size, engine.rank, engine.world)
    dataset = ExampleSet(examples, reader)
    mine: dict[str, str] = {}
    with engine.evaluating(architecture):
        loads = loader(dataset, order, architecture.collator(), num_workers)
        for batch in skips.batches(loads):
            answers = architecture.predict(batch.to(engine.device))
            mine |= {each.id: each.text for each in answers}
    skips.found = merged(skips.found)
    return merged(mine)


def merged(mine: dict[str, str]) -> dict[str, str]:
    """What all processes hold, on each of them."""
    return {name: text for each in distributed.gather(mine) for name, text in each.items()}


def evaluate(
    architecture: Architecture,
    task: Task,
    split: str,
    examples: list[Example],
    reader: Reader | None,
    engine: Engine,
    spec: Any,
) -> Evaluation:
    """Predict and score one split. What cannot be read is in no score and told beside them."""
    size = spec.valid_batch_size or spec.batch_size
    skips = Skips(spec.on_bad_example)
    said = predict(architecture, examples, reader, engine, size, min(spec.num_workers, 2), skips)
    seen = [each for each in examples if each.id in said]
    if examples and not seen:
        raise nothing_readable(examples, skips.found)
    scores, notes = distributed.on_first(lambda: (task.score(seen, said), task.notes(seen)))
    if skips.found:
        notes = {**notes, "skipped": told(skips.found, len(examples), split)}
    return Evaluation(split, scores, notes, seen, said, skips.found)


def keep(run: RunFolder, evaluation: Evaluation) -> None:
    """Write scores and predictions of a split into the run folder."""
    name = evaluation.split.replace("/", "_").replace(",", "+")
    run.write_lines(f"predictions/{name}.jsonl", evaluation.rows())
    run.write_json(
        f"results/{name}.json",
        {
            "split": evaluation.split,
            "examples": len(evaluation.examples),
            "scores": evaluation.scores,
            "notes": evaluation.notes,
            "skipped": in_results(evaluation.skipped),
        },
    )


def evaluate_run(run: RunFolder, spec: Any, split: str | None) -> Evaluation:
    """The best checkpoint of a run on a split: the named one, else `test`, else `valid`."""
    role, names, name = split_of(spec, split)
    with shortages(spec), Engine(spec, spec) as engine:
        parts = build(spec, run, learning=False)
        examples = examples_of(spec, parts.task, names, role)
        examples = evaluated(spec, parts.reader, examples)
        load_best(parts.architecture, run)
        parts.architecture.to(engine.device)
        task = parts.task.final()
        found = evaluate(parts.architecture, task, name, examples, parts.reader, engine, spec)
        if engine.main:
            keep(run, found)
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
