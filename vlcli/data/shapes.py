"""The built-in data set `shapes`: drawn on the spot from a seed, and kept in the user's cache.

A folder of the cache holds `pictures.npy` (uint8, P x 64 x 64 x 3, of all splits in a row) and two
files of records in the own-data form: `questions.jsonl` (one line a question) and `captions.jsonl`
(one line a picture). A record's `image` is the number of its picture in the array, as text.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vlcli.spec.problem import UserError

from .captions import describe
from .questions import ask
from .scenes import SIDE, Scene, draw, random_scene
from .visual import PictureArray

__all__ = ["PICTURES", "SEED", "SPLITS", "Shapes", "draw", "load", "scenes", "split_of"]

VERSION = 1  # raise it when the same seed draws other data
SEED = 20_240  # of the data: a run's own seed does not change it, so that results compare
PICTURES = {"train": 6000, "valid": 500, "test": 500}
QUESTIONS = {"train": 2, "valid": 1, "test": 1}  # of each kind, per picture
SPLITS = tuple(PICTURES)
Field = Literal["answers", "captions"]
_FILES = {"answers": "questions.jsonl", "captions": "captions.jsonl"}


@dataclass(frozen=True, slots=True)
class Shapes:
    """The data set on disk."""

    folder: Path

    @property
    def pictures(self) -> PictureArray:
        """Pictures by a record's `image`."""
        return PictureArray(self.folder / "pictures.npy")

    def records(self, split: str, field: Field = "answers") -> list[dict[str, Any]]:
        """The records of a split that hold `field`: questions with answers, or captions."""
        if split not in PICTURES:
            known = ", ".join(SPLITS)
            raise UserError(f'shapes has no split "{split}"; it has {known}.', exit_code=3)
        lines = (self.folder / _FILES[field]).read_text(encoding="utf-8").splitlines()
        records = (json.loads(line) for line in lines)
        return [record for record in records if record["split"] == split]


def load(
    seed: int = SEED, pictures: dict[str, int] | None = None, cache: Path | None = None
) -> Shapes:
    """The data set for a seed and numbers of pictures: read from the cache, or drawn first.

    Several processes may ask at once: each draws into a folder of its own, the first renames its
    folder into place, and the others take that one.
    """
    pictures = pictures or PICTURES
    folder = (cache or cache_folder()) / f"shapes-{_digest(seed, pictures)}"
    if not folder.is_dir():
        _write(folder, seed, pictures)
    return Shapes(folder)


def cache_folder() -> Path:
    """`vlcli` in the user's cache folder: $XDG_CACHE_HOME, else ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache") / "vlcli"


def scenes(seed: int, split: str, number: int) -> Iterator[Scene]:
    """The scenes of a split. Which split a scene may stand in follows from what stands in it, so
    no two splits show the same objects, wherever they lie."""
    rng = random.Random(f"{seed} scenes {split}")
    while number:
        scene = random_scene(rng)
        if split_of(scene) == split:
            yield scene
            number -= 1


def split_of(scene: Scene) -> str:
    """A tenth of all compositions is kept for valid and a tenth for test."""
    tenth = zlib.crc32(repr(scene.composition).encode()) % 10
    return {0: "valid", 1: "test"}.get(tenth, "train")


def _digest(seed: int, pictures: dict[str, int]) -> str:
    facts = json.dumps([VERSION, seed, sorted(pictures.items()), sorted(QUESTIONS.items())])
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _write(folder: Path, seed: int, pictures: dict[str, int]) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UserError(
            f"The built-in data set cannot be written to {folder.parent} ({error.strerror}). "
            "Set XDG_CACHE_HOME to a folder that you may write to."
        ) from error
    try:
        _draw_all(aside, seed, pictures)
        aside.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # another process was not faster: the disk is at fault
            raise UserError(
                f"The built-in data set could not be written to {folder} ({error.strerror})."
            ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _draw_all(folder: Path, seed: int, pictures: dict[str, int]) -> None:
    total = sum(pictures.values())
    array = np.lib.format.open_memmap(
        folder / "pictures.npy", mode="w+", dtype=np.uint8, shape=(total, SIDE, SIDE, 3)
    )
    number = 0
    with (
        (folder / _FILES["answers"]).open("w", encoding="utf-8") as questions,
        (folder / _FILES["captions"]).open("w", encoding="utf-8") as captions,
    ):
        for split, many in pictures.items():
            rng = random.Random(f"{seed} words {split}")
            for i, scene in enumerate(scenes(seed, split, many)):
                array[number] = np.asarray(draw(scene))
                about = {"id": f"{split}-{i}", "image": str(number), "split": split}
                for record in _questions(rng, scene, about):
                    questions.write(json.dumps(record) + "\n")
                captions.write(json.dumps({**about, "captions": describe(rng, scene)}) + "\n")
                number += 1
    array.flush()


def _questions(rng: random.Random, scene: Scene, about: dict[str, str]) -> Iterator[dict[str, Any]]:
    for j, question in enumerate(ask(rng, scene, QUESTIONS[about["split"]])):
        yield {
            **about,
            "id": f"{about['id']}-{j}",
            "text": question.text,
            "answers": [question.answer],
            "kind": question.kind,
        }
