"""What tasks share: the reading of a record's fields, and a prior beside every score."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vlcli.contracts import Example, Prediction, Wording
from vlcli.data.shown import tags
from vlcli.metrics.vqa import mean
from vlcli.spec.problem import Unjudged, UserError

Record = Mapping[str, Any]
PLAIN = Wording("span", None)
TRUE_OR_FALSE = ("true", "false")
UNCUT = 1_000_000  # tokens: longer than any text
Right = Callable[[Example, Prediction], float]  # how right a prediction is, 0 to 1


class BaseTask:
    """A `contracts.Task` but for what is its own: `name`, `field`, `examples` and `score`.

    `args` are the keys that the task reads, `wording` is the architecture's.
    """

    name = ""
    field = "answers"
    best = "accuracy"
    percent = 1.0
    fitted = False

    def __init__(self, args: Any, wording: Wording = PLAIN) -> None:
        self.args = args
        self.wording = wording
        self.prior: dict[str, Any] = {}

    @property
    def writing(self) -> dict[str, Any]:
        """The fields of an example that say how its answer is written."""
        return {"max_written": self.args.gen_max_length, "beams": self.args.num_beams}

    def beside(self, examples: Sequence[Example]) -> Sequence[Example]:
        """Nothing more."""
        return ()

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

    def settle(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:
        """The same."""
        return dict(predictions)

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        raise UserError(
            f"{self.name} has no official test server, so there is no file to submit. Remove "
            "submit.",
            3,
        )

    def groups(self, example: Example) -> tuple[str, ...]:
        """The groups that the result of an example counts to, beside all ("" is none)."""
        return (example.kind,)

    def chance(self, example: Example, epoch: int) -> random.Random:
        """What decides the random choices of an example in an epoch: seed, epoch and id alone."""
        return random.Random(f"{self.args.seed} {epoch} {example.id}")

    def accuracy(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], right: Right
    ) -> dict[str, float]:
        """Percent right over all and per group, as "accuracy" and "accuracy/group"; the same for
        the prior (`prior`, "prior/group") where it is known; and how many `examples` there were."""
        scores = self.means("accuracy", [(e, right(e, predictions[e.id])) for e in examples])
        usual = self.usual(examples)
        if usual:
            scores |= self.means("prior", [(e, right(e, usual[e.id])) for e in examples])
        return {**scores, "examples": len(examples)}

    def usual(self, examples: Sequence[Example]) -> dict[str, Prediction]:
        """What the prior says of each example; {} where it is not known."""
        if not self.prior:
            return {}
        return {
            each.id: Prediction(each.id, self.prior.get(each.kind, self.prior[""]))
            for each in examples
        }

    def means(self, name: str, held: Sequence[tuple[Example, float]]) -> dict[str, float]:
        """Of values from 0 to 1 the means in percent: over all as `name`, per group as
        "name/group"."""
        groups: dict[str, list[float]] = defaultdict(list)
        for example, value in held:
            for group in self.groups(example):
                groups[group].append(value)
        scores = {name: mean(value for _, value in held)}
        scores |= {f"{name}/{group}": mean(v) for group, v in sorted(groups.items()) if group}
        return {key: 100 * value for key, value in scores.items()}


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


def nothing_to_learn(record: Record, field: str) -> UserError:
    return UserError(f'Record "{record_id(record)}" has no "{field}" to learn from.', 3)


def position(record: Record, field: str, count: int) -> int | None:
    """The number, from 0, that a record says of `count` choices; None where it says none.
    UserError (exit 3) where there is no such choice."""
    number = record.get(field)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
        raise UserError(
            f'Record "{record_id(record)}": "{field}" is {json.dumps(number)}; it must be the '
            f"number of one of its {count} choices, from 0 to {count - 1}.",
            3,
        )
    return number


def published(record: Record, *fields: str) -> Any:
    """The first of these fields of the published record, else the id: as a number where it is
    one."""
    name = next((record[field] for field in fields if field in record), record_id(record))
    return int(name) if isinstance(name, str) and name.isdecimal() else name


def judged(
    examples: Sequence[Example], known: Callable[[Example], object], what: str
) -> list[Example]:
    """The examples of which something is known to judge by; Unjudged where there are none.
    `what` is it in words: "questions has answers"."""
    held = [example for example in examples if known(example)]
    if not held:
        raise Unjudged(f"None of the {len(examples)} {what}, so there is nothing to score.")
    return held


def object_tags(example: Example) -> str:
    """The objects that an example's first picture shows, each once, joined by spaces. UserError
    where its boxes have no names."""
    seen = example.visuals[0]
    if len(seen.boxes) and not seen.names:
        raise UserError(
            f'The boxes of "{example.id}" have no names, and oscar_tags: true adds them to the '
            "text. Remove oscar_tags, or use features that bring obj_id.",
            3,
        )
    return " ".join(tags(seen.names))


def best_by_kind(texts: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, str]:
    """Of (kind, scores by text): the text with the highest sum of scores per kind, and over all
    (""). Ties go to the text that came first."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, scores in texts:
        for each in {kind, ""}:
            sums[each].update(scores)
    return {kind: max(scores, key=lambda a: scores[a]) for kind, scores in sums.items() if scores}
