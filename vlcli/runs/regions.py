"""Which regions of a picture are looked at: those of an annotation file, or what a detector finds.

M regions of a picture.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from vlcli.data.records import Record, read_records
from vlcli.data.shards import Regions
from vlcli.data.shown import vocabulary
from vlcli.disk import file_digest
from vlcli.spec.problem import UserError
from vlcli.spec.stores import OBJECTS
from vlcli.tasks.regions import share
from vlcli.towers.detectors import Detector

_WHOLE = np.array([[0, 0, 1, 1]], np.float32)
_NONE = np.empty((0, 5), np.float32)


class Glimpse(NamedTuple):
    """A picture beside what the encoder sees of it: its name, width and height, and its own pixels
    (H, W, 3) in bytes where regions are looked for in them."""

    name: str
    wide: int
    high: int
    pixels: Tensor | None = None


class Chooser(Protocol):
    """Chooses the regions of pictures. `facts` are what they depend on, as JSON values; `columns`
    name what is known of each, `words` what its numbers mean, and `needs_pixels` says whether it
    looks at the pictures; `cut` counts pictures that have more regions than are wanted."""

    cut: int

    @property
    def facts(self) -> dict[str, Any]: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def words(self) -> dict[str, tuple[str, ...]]: ...
    @property
    def needs_pixels(self) -> bool: ...

    def check(self, name: str) -> None:
        """UserError where the picture cannot have any."""
        ...

    def of(self, pictures: Sequence[Glimpse]) -> list[Regions]: ...


class Annotated:
    """The first `many` boxes that the records of a .jsonl file have of a picture, each once.

    A record names its `image` as the picture is named, or without the `folder` that all pictures
    share, and has `boxes`; of several images the first is meant. Boxes are pixels of `width` x
    `height`, or shares where these are not given. Where records have `names`, the number of what a
    box shows is its line among `words` (a file), or else among all names of the file, sorted.
    """

    needs_pixels = False

    def __init__(self, file: Path, many: int, names: Path | None, folder: str) -> None:
        self.file, self.many, self.cut, self._folder = file, many, 0, folder
        records = [each for each in read_records(file, needs=["image"]) if each.get("boxes")]
        if not records:
            raise UserError(f'{file} has no record with "boxes".', exit_code=3)
        listed = self._listed(records, names)
        self._numbers = {word: number for number, word in enumerate(listed)}
        self._boxes: dict[str, np.ndarray] = {}  # (M, 5): x1, y1, x2, y2, number
        self._sizes: dict[str, tuple[int, int]] = {}
        for record in records:
            self._take(record)
        self.columns = ("boxes", "obj_id") if listed else ("boxes",)
        self.words = {OBJECTS: listed} if listed else {}
        self.facts = {
            "regions": file.name,
            "regions_sha256": file_digest(file),
            "regions_most": many,
            "words_sha256": words_digest(listed),
        }

    def check(self, name: str) -> None:
        if self._key(name) is None:
            raise UserError(f"{self.file} has no boxes of the picture {name}.")

    def of(self, pictures: Sequence[Glimpse]) -> list[Regions]:
        return [self._of(each) for each in pictures]

    def _of(self, picture: Glimpse) -> Regions:
        key = self._key(picture.name)
        assert key is not None
        rows = self._boxes[key]
        self.cut += len(rows) > self.many
        wide, high = self._sizes.get(key, (picture.wide, picture.high))
        numbers = rows[: self.many, 4].astype(np.int32) if len(self.columns) > 1 else None
        return Regions(rows[: self.many, :4], wide, high, numbers)

    def _take(self, record: Record) -> None:
        image = record["image"] if isinstance(record["image"], str) else record["image"][0]
        names = record.get("names", ()) if self._numbers else ()
        if self._numbers and len(names) != len(record["boxes"]):
            raise UserError(
                f'{self.file}, record "{record["id"]}": it has {len(record["boxes"])} boxes and '
                f"{len(names)} names; all records must name their boxes, or none.",
                exit_code=3,
            )
        key = posixpath.normpath(image)
        numbers = [self._number(name, record) for name in names] or [0] * len(record["boxes"])
        rows = [(*share(record, box), n) for box, n in zip(record["boxes"], numbers, strict=True)]
        held = np.concatenate([self._boxes.get(key, _NONE), np.array(rows, np.float32)])
        first = np.unique(held, axis=0, return_index=True)[1]
        self._boxes[key] = held[np.sort(first)]
        if record.get("width") is not None:
            self._sizes[key] = (round(record["width"]), round(record["height"]))

    def _number(self, name: str, record: Record) -> int:
        found = self._numbers.get(name.lower().strip())
        if found is None:
            raise UserError(
                f'{self.file}, record "{record["id"]}": "{name}" is not in the --names file.',
                exit_code=3,
            )
        return found

    def _listed(self, records: Sequence[Record], names: Path | None) -> tuple[str, ...]:
        """What numbers mean: the words of a file, or all names of the records."""
        if names is not None:
            if not any(record.get("names") for record in records):
                raise UserError(f'--names explains "names", which {self.file} has none of.', 2)
            return words_of(names)
        said = {name.lower().strip() for each in records for name in each.get("names", ())}
        return tuple(sorted(said))

    def _key(self, name: str) -> str | None:
        plain = posixpath.normpath(name)
        found = (each for each in (plain, plain.removeprefix(self._folder)) if each in self._boxes)
        return next(found, None)


class Detected:
    """The `many` best boxes that a detector finds, with the numbers of what they show and how sure
    that is. A picture in which it finds nothing is one region: the whole, which shows thing 0 with
    a confidence of 0."""

    needs_pixels = True
    columns = ("boxes", "obj_id", "obj_conf")

    def __init__(self, detector: Detector, many: int, names: Path | None) -> None:
        self.detector, self.many, self.cut = detector, many, 0
        listed = words_of(names) if names is not None else detector.words
        self.words = {OBJECTS: listed} if listed else {}
        self.facts = {
            **detector.facts(),
            "regions_most": many,
            "words_sha256": words_digest(listed),
        }

    def check(self, name: str) -> None: ...

    def of(self, pictures: Sequence[Glimpse]) -> list[Regions]:
        pixels = [each.pixels for each in pictures if each.pixels is not None]
        found = self.detector.find(pixels, self.many)
        return [self._of(*each) for each in zip(pictures, found, strict=True)]

    def _of(self, picture: Glimpse, found: Any) -> Regions:
        boxes, numbers, sure = (each.numpy() for each in found)
        if not len(boxes):
            boxes, numbers, sure = _WHOLE, np.zeros(1), np.zeros(1)
        listed = self.words.get(OBJECTS)
        if listed and numbers.max() >= len(listed):
            raise UserError(
                f"The detector found a thing of number {int(numbers.max())}, and --names has only "
                f"{len(listed)} lines, from 0 on.",
                exit_code=2,
            )
        numbers, sure = numbers.astype(np.int32), sure.astype(np.float32)
        return Regions(boxes, picture.wide, picture.high, numbers, sure)


def words_of(file: Path) -> tuple[str, ...]:
    """The lines of a --names file: what the numbers from 0 on mean."""
    if not file.is_file():
        raise UserError(f"There is no file {file}.")
    return vocabulary(file)


def words_digest(words: Sequence[str]) -> str | None:
    return hashlib.sha256("\n".join(words).encode()).hexdigest() if words else None
