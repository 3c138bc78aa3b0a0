"""Questions about a drawn scene, whose answers follow from the picture and not from the words."""

from __future__ import annotations

import operator
import random
from collections import Counter
from functools import cache
from itertools import product
from typing import NamedTuple

from .scene import COLOURS, SHAPES, SIZES, Scene, Thing

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
        return (
            self.size in ("", thing.size)
            and self.colour in ("", thing.colour)
            and self.shape in ("", thing.shape)
        )

    def __str__(self) -> str:
        return " ".join(part for part in (self.size, self.colour, self.shape or "object") if part)


Form = tuple[bool, bool, bool]  # whether a description names size, colour, shape
_NAMING_SHAPE = ((False, False, True), (True, False, True))
_NAMING_COLOUR = ((False, True, False), (True, True, False))
_NAMING_TWO = ((False, True, True), (True, True, False), (True, False, True))
_NAMING_ALL = ((True, True, True),)
_TRIES = 8
_CHOICES = (SIZES, tuple(COLOURS), SHAPES)


def ask(rng: random.Random, scene: Scene, each: int) -> list[Question]:
    """Up to `each` different questions of every kind; a kind that the scene cannot pose without
    doubt (nothing in it has a name of its own) is left out."""
    asked: dict[str, Question] = {}
    for kind, pose in _POSE.items():
        found: dict[str, Question] = {}
        for _ in range(_TRIES * each):
            posed = pose(rng, scene)
            if posed:
                found.setdefault(posed[0], Question(kind, *posed))
            if len(found) == each:
                break
        asked.update(found)
    return list(asked.values())


Posed = tuple[str, str] | None


def _color(rng: random.Random, scene: Scene) -> Posed:
    found = own_name(rng, scene, _NAMING_SHAPE)
    if found is None:
        return None
    words, thing = found
    text = _one(rng, f"what color is the {words}?", f"what is the color of the {words}?")
    return text, thing.colour


def _shape(rng: random.Random, scene: Scene) -> Posed:
    found = own_name(rng, scene, _NAMING_COLOUR)
    if found is None:
        return None
    words, thing = found
    text = _one(rng, f"what shape is the {words}?", f"what is the shape of the {words}?")
    return text, thing.shape


def _count(rng: random.Random, scene: Scene) -> Posed:
    """Of everything, or of the colour or shape whose number the scene spreads evenly."""
    colour, shape = scene.counted
    words = rng.choice((Words(), Words(colour=colour), Words(shape=shape)))
    number = sum(words.fits(thing) for thing in scene.things)
    many = _plural(words)
    return _one(rng, f"how many {many} are there?", f"how many {many} do you see?"), str(number)


def _existence(rng: random.Random, scene: Scene) -> Posed:
    """Yes and no fall before anything else does, and either names its words evenly."""
    there = rng.random() < 0.5
    form = rng.choice(_NAMING_TWO + _NAMING_ALL)
    words = named(rng.choice(scene.things), form)
    if not there:
        words = _absent(rng, scene, words, form)
    question = _one(rng, f"is there a {words}?", f"do you see a {words}?").replace(" a o", " an o")
    return question, "yes" if there else "no"


def _relation(rng: random.Random, scene: Scene) -> Posed:
    """Where one object is from another, for pairs whose main direction is plain."""
    forms = _NAMING_SHAPE + _NAMING_COLOUR + _NAMING_TWO
    one, other = own_name(rng, scene, forms), own_name(rng, scene, forms)
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


def own_name(
    rng: random.Random, scene: Scene, forms: tuple[Form, ...]
) -> tuple[Words, Thing] | None:
    """A description that fits one object only, and that object."""
    form = rng.choice(forms)
    names = [named(thing, form) for thing in scene.things]
    times = Counter(names)
    own = [pair for pair in zip(names, scene.things, strict=True) if times[pair[0]] == 1]
    return rng.choice(own) if own else None


def _absent(rng: random.Random, scene: Scene, near: Words, form: Form) -> Words:
    """A description that fits nothing here: half of the time one word away from `near`."""
    there = {named(thing, form) for thing in scene.things}
    absent = [words for words in _all(form) if words not in there]
    close = [words for words in absent if sum(map(operator.ne, words, near)) == 1]
    return rng.choice(close if close and rng.random() < 0.5 else absent)


@cache
def _all(form: Form) -> tuple[Words, ...]:
    options = (values if used else ("",) for used, values in zip(form, _CHOICES, strict=True))
    return tuple(Words(*words) for words in product(*options))


def named(thing: Thing, form: Form) -> Words:
    size, colour, shape = form
    return Words(
        thing.size if size else "", thing.colour if colour else "", thing.shape if shape else ""
    )


def _plural(words: Words) -> str:
    text = str(words)
    return text + ("es" if text.endswith("ss") else "s")


def _one(rng: random.Random, *wordings: str) -> str:
    return rng.choice(wordings)
