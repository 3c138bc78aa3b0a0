"""Where published pictures lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..pairs import TarPlaces, in_a_tar
from ..references import year
from ..visual import Mark, Picture, PictureFiles, Pictures
from .cifar import Batches, in_a_batch


def picture_path(root: Path, image: str) -> Path:
    """Where a record's picture lies whose `image` is no stored feature: one of COCO or Visual
    Genome by its name, any other by its path below data_root."""
    if "/" in image:
        return root / image
    part = year(image)
    if part:
        return root / "COCO" / "images" / part / f"{image}.jpg"
    return root / "VG" / "images" / f"{image}.jpg"


class PublishedPictures:
    """Pictures by path: the rows of CIFAR-10's batches, places in tars, and all others in `files`
    (JPEG and PNG files)."""

    def __init__(self, files: Pictures | None = None) -> None:
        self._files = files or PictureFiles()
        self._batches = Batches()
        self._tars = TarPlaces()

    def open(self, reference: str) -> Picture:
        return self._holding(reference).open(reference)

    def mark(self, reference: str) -> Mark:
        return self._holding(reference).mark(reference)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for held in (self._batches, self._tars, self._files):
            found |= held.faults([each for each in references if self._holding(each) is held])
        return found

    def _holding(self, reference: str) -> Pictures:
        if in_a_batch(reference):
            return self._batches
        return self._tars if in_a_tar(reference) else self._files
