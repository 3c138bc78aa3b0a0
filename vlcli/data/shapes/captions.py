"""Five captions of a drawn scene, each true of it and each in a style of its own."""

from __future__ import annotations

import random
from collections import Counter

from .questions import direction
from .scene import COLOURS, SHAPES, Scene

_NUMBERS = ("no", "one", "two", "three", "four", "five")
_WHERE = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}


def describe(rng: random.Random, scene: Scene) -> list[str]:
    """What there is, by colour, by shape, who stands where, and how many: five captions."""
    return [
        _objects(rng, scene),
        _by_colour(rng, scene),
        _by_shape(rng, scene),
        _places(rng, scene),
        _largest(rng, scene),
    ]


def _objects(rng: random.Random, scene: Scene) -> str:
    """Up to three objects in full, from left to right; beyond that the first two and the rest."""
    row = sorted(scene.things, key=lambda thing: thing.x)
    if len(row) <= 3:
        return _opening(rng) + listed([a(thing.colour, thing.shape) for thing in row])
    first = listed([a(thing.colour, thing.shape) for thing in row[:2]])
    return f"{first} and {_NUMBERS[len(row) - 2]} more objects"


def _by_colour(rng: random.Random, scene: Scene) -> str:
    counts = Counter(thing.colour for thing in scene.things)
    parts = [f"{_NUMBERS[counts[colour]]} {colour}" for colour in COLOURS if counts[colour]]
    many = f"{_NUMBERS[len(scene.things)]} objects"
    if len(counts) == 1:
        return f"{many}, all {scene.things[0].colour}"
    return _one(rng, f"{many}: {listed(parts)}", f"{many}, {listed(parts)}")


def _by_shape(rng: random.Random, scene: Scene) -> str:
    counts = Counter(thing.shape for thing in scene.things)
    parts = [_several(counts[shape], shape) for shape in SHAPES if counts[shape]]
    return _opening(rng) + listed(parts)


def _places(rng: random.Random, scene: Scene) -> str:
    """Two objects whose direction is plain; where all lie aslant, the leftmost object."""
    pairs = [(a, b) for a in scene.things for b in scene.things if a is not b and direction(a, b)]
    if not pairs:
        first = min(scene.things, key=lambda thing: thing.x)
        return f"the object farthest to the left is {a(first.colour, first.shape)}"
    one, other = rng.choice(pairs)
    where = _WHERE[direction(one, other) or ""]
    link = _one(rng, "is", "stands")
    return f"{a(one.colour, one.shape)} {link} {where} {a(other.colour, other.shape)}"


def _largest(rng: random.Random, scene: Scene) -> str:
    large = [thing for thing in scene.things if thing.size == "large"]
    small = [thing for thing in scene.things if thing.size == "small"]
    if len(large) == 1:
        return f"the only large object is {a(large[0].colour, large[0].shape)}"
    if len(small) == 1:
        return f"the only small object is {a(small[0].colour, small[0].shape)}"
    if not large or not small:
        everything = "both" if len(scene.things) == 2 else f"all {_NUMBERS[len(scene.things)]}"
        return f"{everything} objects are {'small' if small else 'large'}"
    return _one(
        rng,
        f"{_NUMBERS[len(large)]} large and {_NUMBERS[len(small)]} small objects",
        f"{_NUMBERS[len(small)]} small and {_NUMBERS[len(large)]} large objects",
    )


def _opening(rng: random.Random) -> str:
    return _one(rng, "", "there is ", "a picture of ", "one can see ")


def a(*words: str) -> str:
    article = "an" if words[0][0] in "aeiou" else "a"
    return f"{article} {' '.join(words)}"


def _several(number: int, shape: str) -> str:
    if number == 1:
        return f"a {shape}"
    return f"{_NUMBERS[number]} {shape}{'es' if shape.endswith('s') else 's'}"


def listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _one(rng: random.Random, *wordings: str) -> str:
    return rng.choice(wordings)
