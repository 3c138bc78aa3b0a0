"""Where published pictures lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    """Pictures by path: JPEG and PNG files, and the rows of CIFAR-10's batches."""

    def __init__(self) -> None:
        self._files = PictureFiles()
        self._batches = Batches()

    def open(self, reference: str) -> Picture:
        return self._holding(reference).open(reference)

    def mark(self, reference: str) -> Mark:
        return self._holding(reference).mark(reference)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        rows = [each for each in references if in_a_batch(each)]
        files = [each for each in references if not in_a_batch(each)]
        return self._batches.faults(rows) | self._files.faults(files)

    def _holding(self, reference: str) -> Pictures:
        return self._batches if in_a_batch(reference) else self._files
