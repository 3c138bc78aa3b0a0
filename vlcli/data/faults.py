"""Examples that cannot be read: an error, or left out and counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from vlcli.contracts import Example
from vlcli.spec.problem import UserError

from .visual import Reader

SHOWN = 3  # skipped examples that a sentence names
KEPT = 20  # skipped examples that results name


class Fault(NamedTuple):
    """An example that cannot be read, and why, in a sentence."""

    id: str
    sentence: str
    exit_code: int = 4

    def __str__(self) -> str:
        return f'Example "{self.id}": {self.sentence}'


class Loaded(NamedTuple):
    """What a loading process hands over: a batch (None where no example of it can be read), the
    examples that are not in it, an error that concerns the whole batch, and the examples that
    looking at their pictures has changed."""

    batch: Any
    faults: tuple[Fault, ...] = ()
    failed: UserError | None = None
    looked: tuple[Example, ...] = ()


class Skips:
    """What `on_bad_example` says of examples that cannot be read: "error" stops at the first, with
    its id; "skip" remembers each once, in `found`: sentences by id."""

    def __init__(self, policy: Literal["error", "skip"] = "error") -> None:
        self.policy = policy
        self.found: dict[str, str] = {}

    def take(self, faults: Sequence[Fault]) -> None:
        """Faults that were met: UserError, or remembered."""
        if faults and self.policy == "error":
            several = len({fault.id for fault in faults}) - 1
            more = f" {several} more cannot be read either." if several else ""
            raise UserError(f"{faults[0]}{more}", faults[0].exit_code)
        for fault in faults:
            self.found.setdefault(fault.id, fault.sentence)

    def readable(self, examples: Sequence[Example], reader: Reader | None) -> list[Example]:
        """The examples without those that are known to be unreadable before any is read."""
        self.take(known_faults(examples, reader))
        kept = [each for each in examples if each.id not in self.found]
        if examples and not kept:
            raise nothing_readable(examples, self.found)
        return kept

    def batches(self, loads: Iterable[Loaded]) -> Iterator[Any]:
        """The batches of a loader, their faults taken."""
        return (load.batch for load in self.loads(loads))

    def loads(self, loads: Iterable[Loaded]) -> Iterator[Loaded]:
        """What a loader hands over, where there is a batch; the faults are taken."""
        for load in loads:
            if load.failed is not None:
                raise load.failed
            self.take(load.faults)
            if load.batch is not None:
                yield load


def known_faults(examples: Sequence[Example], reader: Reader | None) -> list[Fault]:
    """The unreadable examples, as far as a reader can tell without reading pictures."""
    if reader is None:
        return []
    images = dict.fromkeys(image for each in examples for image in each.images)
    bad = reader.faults(list(images)) if images else {}
    first = {each.id: next((i for i in each.images if i in bad), None) for each in examples}
    return [Fault(id, bad[image]) for id, image in first.items() if image is not None]


def nothing_readable(examples: Sequence[Example], found: Mapping[str, str]) -> UserError:
    """The error for a split without a single readable example."""
    first = next((f" The first: {why}" for why in found.values()), "")
    return UserError(f"None of the {len(examples)} examples can be read.{first}")


def told(found: Mapping[str, str], total: int, what: str) -> str:
    """'2 of 500 training examples were skipped: "a" (There is no picture a.png), "b" (...).'"""
    first = [f'"{id}" ({why.rstrip(".")})' for id, why in list(found.items())[:SHOWN]]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{len(found)} of {total} {what} examples were skipped: {', '.join(first)}{more}."


def in_results(found: Mapping[str, str]) -> dict[str, Any]:
    """Skipped examples as results hold them: how many, and the first with their sentences."""
    return {"number": len(found), "first": dict(list(found.items())[:KEPT])}
