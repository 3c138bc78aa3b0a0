"""Questions about a drawn scene, whose answers follow from the picture and not from the words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from .scenes import COLOURS, SHAPES, SIZES, Scene, Thing

KINDS = ("color", "shape", "count", "existence", "relation")


class Question(NamedTuple):
    kind: str
    text: str
    answer: str


class Words(NamedTuple):
    """A description: any of size, colour, shape; "" leaves one open."""

    size: str = ""
    colour: str = ""
    shape: str = ""

    def fits(self, thing: Thing) -> bool:
        return all(
            not word or word == look for word, look in zip(self, thing.looks, strict=True)
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.size, self.colour, self.shape or "object") if part)


# Which of size, colour, shape a description names.
_NAMING_SHAPE = ((False, False, True), (True, False, True))
_NAMING_COLOUR = ((False, True, False), (True, True, False))
_NAMING_TWO = ((False, True, True), (True, True, False), (True, False, True))
_NAMING_ALL = ((True, True, True),)
_CHOICES = (SIZES, tuple(COLOURS), SHAPES)


def ask(rng: np.random.Generator, scene: Scene, each: int) -> list[Question]:
    """Up to `each` different questions of every kind; a kind that the scene cannot pose without
    doubt (nothing in it has a name of its own) is left out."""
    asked: dict[str, Question] = {}
    for kind, pose in _POSE.items():
        found: dict[str, Question] = {}
        for _ in range(3 * each):
            posed = pose(rng, scene)
            if posed and len(found) < each:
                found.setdefault(posed[0], Question(kind, *posed))
        asked.update(found)
    return list(asked.values())


Posed = tuple[str, str] | None


def _color(rng: np.random.Generator, scene: Scene) -> Posed:
    found = _own_name(rng, scene, _NAMING_SHAPE)
    if found is None:
        return None
    words, thing = found
    return _one(rng, f"what color is the {words}?", f"what is the color of the {words}?"), thing.colour


def _shape(rng: np.random.Generator, scene: Scene) -> Posed:
    found = _own_name(rng, scene, _NAMING_COLOUR)
    if found is None:
        return None
    words, thing = found
    return _one(rng, f"what shape is the {words}?", f"what is the shape of the {words}?"), thing.shape


def _count(rng: np.random.Generator, scene: Scene) -> Posed:
    """Of everything, or of the colour or shape whose number the scene spreads evenly."""
    colour, shape = scene.counted
    words = (Words(), Words(colour=colour), Words(shape=shape))[int(rng.integers(3))]
    number = sum(words.fits(thing) for thing in scene.things)
    many = _plural(words)
    return _one(rng, f"how many {many} are there?", f"how many {many} do you see?"), str(number)


def _existence(rng: np.random.Generator, scene: Scene) -> Posed:
    """Yes and no fall before anything else does, and either names its words evenly."""
    there = bool(rng.integers(2))
    form = _pick(rng, _NAMING_TWO + _NAMING_ALL)
    words = _named(_pick(rng, scene.things), form)
    if not there:
        words = _absent(rng, scene, words, form)
    question = _one(rng, f"is there a {words}?", f"do you see a {words}?").replace(" a o", " an o")
    return question, "yes" if there else "no"


def _relation(rng: np.random.Generator, scene: Scene) -> Posed:
    """Where one object is from another, for pairs whose main direction is plain."""
    forms = _NAMING_SHAPE + _NAMING_COLOUR + _NAMING_TWO
    one, other = _own_name(rng, scene, forms), _own_name(rng, scene, forms)
    if one is None or other is None or one[1] == other[1]:
        return None
    where = direction(one[1], other[1])
    if where is None:
        return None
    a, b = one[0], other[0]
    return _one(rng, f"where is the {a} from the {b}?", f"from the {b}, where is the {a}?"), where


def direction(one: Thing, other: Thing) -> str | None:
    """left, right, above or below: where `one` is from `other`; None where it lies aslant."""
    dx, dy = one.x - other.x, one.y - other.y
    if abs(dx) > 1.3 * abs(dy) + 3:
        return "left" if dx < 0 else "right"
    if abs(dy) > 1.3 * abs(dx) + 3:
        return "above" if dy < 0 else "below"
    return None


_POSE = {
    "color": _color,
    "shape": _shape,
    "count": _count,
    "existence": _existence,
    "relation": _relation,
}


def _own_name(
    rng: np.random.Generator, scene: Scene, forms: tuple[tuple[bool, ...], ...]
) -> tuple[Words, Thing] | None:
    """A description that fits one object only, and that object."""
    form = _pick(rng, forms)
    names = [(_named(thing, form), thing) for thing in scene.things]
    own = [(words, thing) for words, thing in names if sum(map(words.fits, scene.things)) == 1]
    return _pick(rng, own) if own else None


def _absent(
    rng: np.random.Generator, scene: Scene, near: Words, form: tuple[bool, ...]
) -> Words:
    """A description that fits nothing here: half of the time one word away from `near`."""
    absent = [words for words in _all(form) if not any(map(words.fits, scene.things))]
    close = [words for words in absent if sum(a != b for a, b in zip(words, near, strict=True)) == 1]
    return _pick(rng, close if close and rng.integers(2) else absent)


def _all(form: tuple[bool, ...]) -> Iterator[Words]:
    options = (values if used else ("",) for used, values in zip(form, _CHOICES, strict=True))
    return (Words(*words) for words in product(*options))


def _named(thing: Thing, form: tuple[bool, ...]) -> Words:
    return Words(*(look if used else "" for look, used in zip(thing.looks, form, strict=True)))


def _plural(words: Words) -> str:
    text = str(words)
    return text + ("es" if text.endswith("ss") else "s")


def _pick(rng: np.random.Generator, values):  # type: ignore[no-untyped-def]
    return values[int(rng.integers(len(values)))]


def _one(rng: np.random.Generator, *wordings: str) -> str:
    return str(_pick(rng, wordings))
