"""Examples with their pictures read, for loading processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from torch.utils.data import Dataset

from vlcli.contracts import Example
from vlcli.spec.problem import UserError

from .visual import Reader

Redraw = Callable[[Example, int], Example]


class Draw(NamedTuple):
    """Which example, in which epoch: what is random in it follows from both, in any process."""

    epoch: int
    number: int


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
        epoch, number = key if isinstance(key, Draw) else Draw(0, key)
        example = self.examples[number]
        if self.redraw is not None:
            example = self.redraw(example, epoch)
        if self.reader is None:
            return example
        try:
            visuals = tuple(self.reader.read(image) for image in example.images)
        except UserError as error:
            raise UserError(f'Example "{example.id}": {error}', error.exit_code) from error
        return replace(example, visuals=visuals)
