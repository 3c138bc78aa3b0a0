"""Pictures read straight from a tar."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from vlcli.spec.problem import UserError

from .members import Tar, member
from .visual import Mark, decoded


class PictureTar(Tar):
    """References are names of members of an uncompressed tar."""

    def open(self, reference: str) -> Image.Image:
        """The whole picture in RGB. UserError where it is not there, no picture or cut off."""
        held = self.content(reference)
        if held is None:
            raise UserError(self._missing(reference))
        return decoded(io.BytesIO(held), f"{reference} in {self.path}")

    def mark(self, reference: str) -> Mark:
        name = member(reference)
        return Mark.of(self.path, self.places.get(name, (0, -1))[1], f"#{name}")

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return {each: self._missing(each) for each in references if member(each) not in self.places}

    def _missing(self, reference: str) -> str:
        first = next(iter(self.places), None)
        hint = f"; its names look like {first}" if first else ""
        return f"There is no picture {reference} in {self.path}{hint}."
