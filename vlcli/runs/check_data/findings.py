"""What a check of data finds, in sentences and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "source",  # a file, folder or feature store is missing, or of no use
    "record",  # a record is wrong
    "box",  # a box lies outside its picture
    "missing",  # no picture, or no features
    "unreadable",  # a picture or features that cannot be read
    "answers",  # answers that the answer table does not hold
    "empty",  # a text without a word
    "repeated",  # the same example in two splits
    "shared",  # the same picture in two splits
    "cut",  # a text that is longer than the tokens it may have
]
SHOWN = 3  # faults, and ids of each, that a sentence names
KEPT = 20  # that JSON names


class Finding(NamedTuple):
    """One thing that is to be told of a split ("": of the task): an error would stop the run, a
    warning would not and is likely a mistake. `number` says how often it is met, `first` names
    some, with what there is to say of each. `code` is the exit code of an error."""

    task: str
    split: str
    kind: Kind
    severity: Severity
    sentence: str
    number: int = 1
    first: Mapping[str, str] = {}
    code: int = 3

    @property
    def line(self) -> str:
        where = ", ".join(filter(None, (self.task, self.split)))
        return f"{where}: {self.sentence}"

    def as_json(self) -> dict[str, Any]:
        first = dict(list(self.first.items())[:KEPT])
        return {**self._asdict(), "first": first}


class SplitCount(NamedTuple):
    """What a split of a task holds; `kinds` has records and examples of each kind."""

    task: str
    split: str
    source: str
    records: int
    examples: int
    pictures: int
    kinds: Mapping[str, tuple[int, int]]

    def as_json(self) -> dict[str, Any]:
        kinds = {k: {"records": r, "examples": e} for k, (r, e) in self.kinds.items()}
        return {**self._asdict(), "kinds": kinds}


@dataclass
class Report:
    """All counts and findings; `opened` pictures (or their features) were read."""

    splits: list[SplitCount] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    opened: int = 0
    seconds: float = 0.0

    def sort(self) -> None:
        """Errors first, and those of one split together."""
        order = [(each.task, each.split) for each in self.splits]
        place = {key: number for number, key in enumerate(order)}
        self.findings.sort(
            key=lambda each: (
                get_args(Severity).index(each.severity),
                place.get((each.task, each.split), -1),
            )
        )

    @property
    def exit_code(self) -> int:
        """3 where records are wrong, 4 where something is missing or unreadable, 0 where nothing
        would stop the run."""
        return min((each.code for each in self.findings if each.severity == "error"), default=0)

    def of(self, split: SplitCount) -> list[Finding]:
        """The findings of a split."""
        key = (split.task, split.split)
        return [each for each in self.findings if (each.task, each.split) == key]

    def as_json(self) -> dict[str, Any]:
        return {
            "splits": [each.as_json() for each in self.splits],
            "findings": [each.as_json() for each in self.findings],
            "opened": self.opened,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
        }


def listed(faults: Mapping[str, str]) -> str:
    """Sentences by id as a list: those that say the same stand together, the first ones are named
    and the others counted."""
    by_sentence: dict[str, list[str]] = {}
    for name, sentence in faults.items():
        why = sentence.rstrip(".").removeprefix(f'Record "{name}"').removeprefix(": ").strip()
        by_sentence.setdefault(why, []).append(name)
    told = [f"{some(names)}: {why}" for why, names in list(by_sentence.items())[:SHOWN]]
    rest = sum(len(names) for names in list(by_sentence.values())[SHOWN:])
    return "; ".join([*told, *([f"and {rest:,} more"] if rest else [])])


def some(names: Sequence[str]) -> str:
    """'"a", "b", "c" and 7 more'."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f'"{name}"' for name in names[:SHOWN]) + more
