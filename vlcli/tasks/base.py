"""What tasks share: the reading of a record's fields, and a prior beside every score."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vlcli.contracts import Example, Prediction, Wording
from vlcli.metrics.vqa import mean
from vlcli.spec.problem import UserError

Record = Mapping[str, Any]
PLAIN = Wording("span", None)
Right = Callable[[Example, Prediction], float]  # how right a prediction is, 0 to 1


class BaseTask:
    """A `contracts.Task` but for what is its own: `name`, `field`, `examples` and `score`.

    `args` are the keys that the task reads, `wording` is the architecture's.
    """

    name = ""
    field = "answers"
    best = "accuracy"
    percent = 1.0

    def __init__(self, args: Any, wording: Wording = PLAIN) -> None:
        self.args = args
        self.wording = wording
        self.prior: dict[str, Any] = {}

    def look(self, example: Example) -> Example:
        """The same: nothing follows from what is seen."""
        return example

    def redraw(self, example: Example, epoch: int) -> Example:
        """The same in every epoch."""
        return example

    def final(self) -> BaseTask:
        """The same."""
        return self

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """Nothing to say."""
        return {}

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        raise UserError(
            f"{self.name} has no official test server, so there is no file to submit. Remove "
            "submit.",
            3,
        )

    def chance(self, example: Example, epoch: int) -> random.Random:
        """What decides the random choices of an example in an epoch: seed, epoch and id alone."""
        return random.Random(f"{self.args.seed} {epoch} {example.id}")

    def accuracy(
        self,
        examples: Sequence[Example],
        predictions: Mapping[str, Prediction],
        right: Right,
        name: str = "accuracy",
    ) -> dict[str, float]:
        """Percent right over all and per kind, as `name` and "name/kind"; the same for the prior
        (`prior`, "prior/kind") where it is known; and how many `examples` there were."""
        scores = _by_kind(name, [(each, right(each, predictions[each.id])) for each in examples])
        if self.prior:
            usual = [Prediction(e.id, self.prior.get(e.kind, self.prior[""])) for e in examples]
            held = [(e, right(e, said)) for e, said in zip(examples, usual, strict=True)]
            scores |= _by_kind("prior", held)
        return {key: 100 * value for key, value in scores.items()} | {"examples": len(examples)}


def _by_kind(name: str, held: Sequence[tuple[Example, float]]) -> dict[str, float]:
    kinds: dict[str, list[float]] = defaultdict(list)
    for example, value in held:
        kinds[example.kind].append(value)
    scores = {name: mean(value for _, value in held)}
    return scores | {f"{name}/{kind}": mean(v) for kind, v in sorted(kinds.items()) if kind}


def record_id(record: Record) -> str:
    return str(record.get("id", record.get("question_id", "?")))


def record_images(record: Record) -> tuple[str, ...]:
    images = record.get("image", ())
    return (images,) if isinstance(images, str) else tuple(images)


def record_kind(record: Record) -> str:
    return str(record.get("kind", record.get("answer_type", "")))


def needed(record: Record, *names: str, what: str = "") -> Any:
    """The first of these fields that the record has; UserError (exit 3) where it has none."""
    for name in names:
        if record.get(name) is not None:
            return record[name]
    tail = f", {what}" if what else ""
    raise UserError(f'Record "{record_id(record)}" has no "{names[0]}"{tail}.', 3)


def best_by_kind(texts: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, str]:
    """Of (kind, scores by text): the text with the highest sum of scores per kind, and over all
    (""). Ties go to the text that came first."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, scores in texts:
        for each in {kind, ""}:
            sums[each].update(scores)
    return {kind: max(scores, key=lambda a: scores[a]) for kind, scores in sums.items() if scores}
