"""The built-in data set on disk: each set of pictures and each task's records is drawn from the
seed when it is first asked for, into a folder of its own in the user's cache.

The folder of the first pictures holds `pictures.npy` (uint8, P x 64 x 64 x 3, of all splits in a
row) and two files of records in the own-data form: `questions.jsonl` (vqa, one line a question) and
`captions.jsonl` (caption, one line a picture). A record's `image` is the number of its picture, as
text. Further sets have folders with a `pictures.npy`, and their pictures are named "set/number";
further tasks have folders with one .jsonl a split.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vlcli.data.visual import Mark, PictureArray
from vlcli.disk import cache_folder
from vlcli.spec.facts import PICTURES
from vlcli.spec.problem import UserError

from . import sets, vqa
from .scene import SIDE
from .sets import FIRST, Shown
from .tasks import FURTHER, TASKS

VERSION = 1  # raise it when the same seed draws other data for vqa and caption
FURTHER_VERSION = 2  # the same for what is drawn beside them
SEED = 20_240  # of the data: a run's own seed does not change it, so that results compare
SPLITS = tuple(PICTURES)
Record = dict[str, Any]


@dataclass(frozen=True)
class Shapes:
    """The data set for a seed and numbers of pictures. What is asked of it is read from the cache,
    or drawn first.

    Several processes may ask at once: each draws into a folder of its own, the first renames its
    folder into place, and the others take that one.
    """

    seed: int
    numbers: tuple[tuple[str, int], ...]
    cache: Path

    @property
    def folder(self) -> Path:
        """Of the first pictures, the questions and the captions."""
        facts = [VERSION, self.seed, sorted(self.numbers), sorted(vqa.QUESTIONS.items())]
        return self._drawn(f"shapes-{_digest(facts)}", self._draw_first)

    @property
    def pictures(self) -> ShapesPictures:
        """The pictures of every task by a record's `image`."""
        return ShapesPictures(self)

    def array(self, name: str) -> Path:
        """The file of a set's pictures."""
        if name == FIRST:
            return self.folder / "pictures.npy"
        return self._further(name, lambda folder: self._draw_set(folder, name)) / "pictures.npy"

    def records(self, split: str, task: str = "vqa") -> list[Record]:
        """The records of a split for a task, one of TASKS."""
        if split not in dict(self.numbers):
            known = ", ".join(dict(self.numbers))
            raise UserError(f'shapes has no split "{split}"; it has {known}.', exit_code=3)
        if task in vqa.FILES:
            held = _read(self.folder / vqa.FILES[task])
            return [record for record in held if record["split"] == split]
        if task not in TASKS:
            raise UserError(
                f'shapes has no data for "{task}"; it has {", ".join(TASKS)}.', exit_code=3
            )
        self.array(FURTHER[task].set)
        folder = self._further(task, lambda folder: self._write_records(folder, task))
        return _read(folder / f"{split}.jsonl")

    def shown(self, name: str, split: str) -> list[Shown]:
        """What the pictures of a set show, in order."""
        before = 0
        for each, many in self.numbers:
            if each == split:
                return sets.shown(name, self.seed, split, many, before)
            before += many
        raise UserError(f'shapes has no split "{split}".', exit_code=3)

    def _further(self, name: str, draw: Callable[[Path], None]) -> Path:
        facts = [FURTHER_VERSION, VERSION, self.seed, sorted(self.numbers)]
        return self._drawn(f"shapes-{name}-{_digest(facts)}", draw)

    def _drawn(self, name: str, draw: Callable[[Path], None]) -> Path:
        folder = self.cache / name
        if not folder.is_dir():
            _write(folder, draw)
        return folder

    def _draw_first(self, folder: Path) -> None:
        pictures = [each for split, _ in self.numbers for each in self.shown(FIRST, split)]
        self._draw(folder, FIRST, pictures)
        vqa.write(folder, self.seed, pictures)

    def _draw_set(self, folder: Path, name: str) -> None:
        pictures = [each for split, _ in self.numbers for each in self.shown(name, split)]
        self._draw(folder, name, pictures)

    def _draw(self, folder: Path, name: str, pictures: Sequence[Shown]) -> None:
        shape = (len(pictures), SIDE, SIDE, 3)
        array = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, shape)
        for number, each in enumerate(pictures):
            array[number] = np.asarray(sets.draw(name, each.scene))
        array.flush()

    def _write_records(self, folder: Path, task: str) -> None:
        what = FURTHER[task]
        for split, _ in self.numbers:
            rng = random.Random(f"{self.seed} {task} {split}")
            told = [self.records(split, each) for each in what.told_by]
            with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
                for record in what.records(rng, self.shown(what.set, split), *told):
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")


@dataclass
class ShapesPictures:
    """References are "7" for a picture of the first set and "set/7" for one of another; the arrays
    are mapped into memory by each process when it first reads."""

    data: Shapes
    _arrays: dict[str, PictureArray] = field(default_factory=dict)

    def open(self, reference: str) -> np.ndarray:
        array, number = self._found(reference)
        return array.open(number)

    def mark(self, reference: str) -> Mark:
        array, number = self._found(reference)
        return array.mark(number)

    def _found(self, reference: str) -> tuple[PictureArray, str]:
        name, _, number = reference.rpartition("/")
        if name not in self._arrays:
            if name not in sets.NAMES:
                raise UserError(f'shapes has no picture "{reference}".')
            self._arrays[name] = PictureArray(self.data.array(name))
        return self._arrays[name], number

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """None: its records come with it."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self.data, "_arrays": {}}


def load(
    seed: int = SEED, pictures: dict[str, int] | None = None, cache: Path | None = None
) -> Shapes:
    """The data set for a seed and numbers of pictures; nothing is drawn yet."""
    return Shapes(seed, tuple((pictures or PICTURES).items()), cache or cache_folder())


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _read(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(folder: Path, draw: Callable[[Path], None]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(
            f"The built-in data set cannot be written to {folder.parent} ({error.strerror}). "
            "Set XDG_CACHE_HOME to a folder that you may write to."
        ) from error
    try:
        draw(aside)
        aside.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # another process was not faster: the disk is at fault
            raise UserError(
                f"The built-in data set could not be written to {folder} ({error.strerror})."
            ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
