"""Examples with their pictures read, for loading processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from torch.utils.data import Dataset

from vlcli.contracts import Example
from vlcli.spec.problem import UserError

from .faults import Fault, nothing_readable
from .visual import Reader

Redraw = Callable[[Example, int], Example]


class Draw(NamedTuple):
    """Which example, in which epoch: what is random in it follows from both, in any process."""

    epoch: int
    number: int


class Fetched(NamedTuple):
    """The examples of one batch that could be read, and those that could not."""

    examples: list[Example]
    faults: list[Fault]
    failed: UserError | None = None


class ExampleSet(Dataset[Example]):
    """Examples by number or Draw; `reader` (None: pictures are not used) reads their pictures.

    `redraw(example, epoch)` makes the random choices of an epoch, such as which answer is learned;
    without it an example is the same in every epoch.
    """

    def __init__(
        self, examples: Sequence[Example], reader: Reader | None, redraw: Redraw | None = None
    ) -> None:
        self.examples = tuple(examples)
        self.reader = reader
        self.redraw = redraw

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, key: int | Draw) -> Example:
        """The example with its visuals. UserError names an example whose picture cannot be read."""
        found = self._read(key)
        if isinstance(found, Fault):
            raise UserError(str(found), found.exit_code)
        return found

    def __getitems__(self, keys: Sequence[int | Draw]) -> Fetched:
        """The examples of a batch; what cannot be read is told, not raised, so that it reaches the
        main process as it is."""
        fetched = Fetched([], [])
        for key in keys:
            self._add(key, fetched)
        return fetched

    def _add(self, key: int | Draw, fetched: Fetched) -> None:
        found = self._read(key)
        if isinstance(found, Fault):
            fetched.faults.append(found)
        else:
            fetched.examples.append(found)

    def _read(self, key: int | Draw) -> Example | Fault:
        epoch, number = key if isinstance(key, Draw) else Draw(0, key)
        example = self.examples[number]
        if self.redraw is not None:
            example = self.redraw(example, epoch)
        if self.reader is None:
            return example
        try:
            visuals = tuple(self.reader.read(image) for image in example.images)
        except UserError as error:
            return Fault(example.id, str(error), error.exit_code)
        return replace(example, visuals=visuals)


class TrainSet(ExampleSet):
    """Examples whose batches are never empty: processes take their steps together."""

    def __getitems__(self, keys: Sequence[int | Draw]) -> Fetched:
        """As above; where no example of a batch can be read, the next one that can stands in."""
        fetched = super().__getitems__(keys)
        epoch, number = keys[-1] if isinstance(keys[-1], Draw) else Draw(0, keys[-1])
        for step in range(1, len(self)):
            if fetched.examples:
                return fetched
            self._add(Draw(epoch, (number + step) % len(self)), fetched)
        if fetched.examples:
            return fetched
        why = {fault.id: fault.sentence for fault in fetched.faults}
        return fetched._replace(failed=nothing_readable(self.examples, why))
