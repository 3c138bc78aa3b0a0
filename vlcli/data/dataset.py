"""Examples with their pictures read, for loading processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from vlcli.contracts import Example, Visual
from vlcli.spec.problem import UserError

from .faults import Fault, nothing_readable
from .visual import Reader

Look = Callable[[Example], Example]
Redraw = Callable[[Example, int], Example]


class Draw(NamedTuple):
    """Which example, in which epoch: what is random in it follows from both, in any process."""

    epoch: int
    number: int


Augment = Callable[[Example, Draw], Example]


class Fetched(NamedTuple):
    """The examples of one batch that could be read, and those that could not; `looked` are those
    that looking at their pictures has changed, without the pictures."""

    examples: list[Example]
    faults: list[Fault]
    failed: UserError | None = None
    looked: tuple[Example, ...] = ()


class ExampleSet(Dataset[Example]):
    """Examples by number or Draw; `reader` (None: pictures are not used) reads their pictures.

    `look(example)` adds what follows from the pictures; `redraw(example, epoch)` makes the random
    choices of an epoch, such as which answer is learned: without it an example is the same in every
    epoch. `augment(example, draw)` then changes its pictures.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        reader: Reader | None,
        look: Look | None = None,
        redraw: Redraw | None = None,
        augment: Augment | None = None,
    ) -> None:
        self.examples = tuple(examples)
        self.reader = reader
        self.look = look
        self.redraw = redraw
        self.augment = augment

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
        with torch.autocast("cpu", enabled=False):  # the same in every precision of the model
            found = self._read(key)
        if isinstance(found, Fault):
            fetched.faults.append(found)
        else:
            fetched.examples.append(found)

    def _read(self, key: int | Draw) -> Example | Fault:
        epoch, number = key if isinstance(key, Draw) else Draw(0, key)
        example = self.examples[number]
        try:
            if visuals := self._visuals(example):
                example = replace(example, visuals=visuals)
            if self.look is not None:
                example = self.look(example)
        except UserError as error:
            return Fault(example.id, str(error), error.exit_code)
        if self.redraw is not None:
            example = self.redraw(example, epoch)
        if self.augment is not None and example.visuals:
            example = self.augment(example, Draw(epoch, number))
        return example

    def reader_of(self, example: Example) -> Reader | None:
        return self.reader

    def _visuals(self, example: Example) -> tuple[Visual, ...]:
        reader = self.reader_of(example)
        if reader is None:
            return ()
        if not example.regions:
            return tuple(reader.read(image) for image in example.images)
        first, *others = example.images
        seen = reader.read_regions(first, example.regions)._replace(names=example.names)
        return (seen, *(reader.read(image) for image in others))


class EvalSet(ExampleSet):
    """Examples that are judged by what looking at their pictures has made of them."""

    def __getitems__(self, keys: Sequence[int | Draw]) -> Fetched:
        fetched = super().__getitems__(keys)
        bare = {each.id: each for each in (self.examples[_number(key)] for key in keys)}
        without = [replace(each, visuals=()) for each in fetched.examples]
        return fetched._replace(looked=tuple(e for e in without if e != bare[e.id]))


class TrainSet(ExampleSet):
    """Examples of several tasks, by name the reader of each, whose batches are never empty:
    processes take their steps together."""

    def __init__(
        self,
        examples: Sequence[Example],
        readers: Mapping[str, Reader | None],
        look: Look | None = None,
        redraw: Redraw | None = None,
        augment: Augment | None = None,
    ) -> None:
        super().__init__(examples, None, look, redraw, augment)
        self.readers = dict(readers)

    def reader_of(self, example: Example) -> Reader | None:
        return self.readers.get(example.task)

    def __getitems__(self, keys: Sequence[int | Draw]) -> Fetched:
        """As above; where no example of a batch can be read, the next one that can stands in."""
        fetched = super().__getitems__(keys)
        epoch = keys[-1].epoch if isinstance(keys[-1], Draw) else 0
        number = _number(keys[-1])
        for step in range(1, len(self)):
            if fetched.examples:
                return fetched
            self._add(Draw(epoch, (number + step) % len(self)), fetched)
        if fetched.examples:
            return fetched
        why = {fault.id: fault.sentence for fault in fetched.faults}
        return fetched._replace(failed=nothing_readable(self.examples, why))


def _number(key: int | Draw) -> int:
    return key.number if isinstance(key, Draw) else key
