"""The sets of pictures: what a picture of each shows, and how it is drawn."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from PIL import Image

from .clips import draw_clip, random_clip
from .scene import draw as draw_scene
from .scene import random_scene
from .stills import class_scene, plain_scene

FIRST = ""  # the set of vqa and caption; its pictures are named by their number alone


class Composed(Protocol):
    @property
    def composition(self) -> tuple[Any, ...]: ...


class Shown(NamedTuple):
    """One picture: what it shows (a Scene, or a Clip), its number within the split, the reference
    that opens it, and its split."""

    scene: Any
    number: int
    image: str
    split: str

    def about(self, number: int | None = None) -> dict[str, str]:
        """The fields of a record that do not depend on its task."""
        tail = "" if number is None else f"-{number}"
        return {"id": f"{self.split}-{self.number}{tail}", "image": self.image, "split": self.split}


class _Set(NamedTuple):
    random: Callable[[random.Random, int], Any]
    draw: Callable[[Any], Image.Image]


_SETS = {
    FIRST: _Set(lambda rng, number: random_scene(rng), draw_scene),
    "plain": _Set(plain_scene, draw_scene),
    "classes": _Set(class_scene, draw_scene),
    "clips": _Set(random_clip, draw_clip),
}
NAMES = tuple(_SETS)


def shown(name: str, seed: int, split: str, many: int, before: int) -> list[Shown]:
    """The pictures of a split; `before` of the set come before its first."""
    lead = f"{name}/" if name else ""
    drawn = scenes(seed, split, many, name)
    return [Shown(each, i, f"{lead}{before + i}", split) for i, each in enumerate(drawn)]


def draw(name: str, scene: Any) -> Image.Image:
    return _SETS[name].draw(scene)


def scenes(seed: int, split: str, number: int, name: str = FIRST) -> Iterator[Any]:
    """What the pictures of a split show. Which split a scene may stand in follows from what stands
    in it, so no two splits show the same objects, wherever they lie."""
    rng = random.Random(f"{seed} {name or 'scenes'} {split}")
    made = 0
    while made < number:
        scene = _SETS[name].random(rng, made)
        if split_of(scene) == split:
            yield scene
            made += 1


def split_of(scene: Composed) -> str:
    """A tenth of all compositions is kept for valid and a tenth for test."""
    tenth = zlib.crc32(repr(scene.composition).encode()) % 10
    return {0: "valid", 1: "test"}.get(tenth, "train")
