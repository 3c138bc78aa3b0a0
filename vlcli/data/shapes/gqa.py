"""The records of gqa: questions that take two steps, over pictures of few objects.

An object stands beside another where it is the only one on that side; objects are named by colour
where a shape is asked for and the other way round, so that the words of a question hold nothing
about its answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .scene import COLOURS, SHAPES, Scene, Thing
from .sets import Shown
from .stills import SIDES, beside

_TRIES = 8
_WHERE = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
Posed = tuple[str, str] | None  # question and answer


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """One question of every kind that a picture can pose."""
    for each in shown:
        for number, (kind, pose) in enumerate(_POSE.items()):
            found = (pose(rng, each.scene) for _ in range(_TRIES))
            posed = next((one for one in found if one), None)
            if posed:
                text, answer = posed
                about = {**each.about(number), "text": text, "label": {answer: 1.0}}
                yield {**about, "answers": [answer], "kind": kind}


def _color(rng: random.Random, scene: Scene) -> Posed:
    found = _neighbour(rng, scene)
    if found is None:
        return None
    thing, where, other = found
    return f"what color is the object {where} the {other.shape}?", thing.colour


def _shape(rng: random.Random, scene: Scene) -> Posed:
    found = _neighbour(rng, scene)
    if found is None:
        return None
    thing, where, other = found
    return f"what shape is {where} the {other.colour} object?", thing.shape


def _verify(rng: random.Random, scene: Scene) -> Posed:
    found = _neighbour(rng, scene)
    if found is None:
        return None
    thing, where, other = found
    there = rng.random() < 0.5
    colour = thing.colour if there else _other_colour(rng, thing.colour, scene)
    return f"is the object {where} the {other.shape} {colour}?", "yes" if there else "no"


def _compare(rng: random.Random, scene: Scene) -> Posed:
    """Sizes are drawn one by one, so that two are the same half of the time."""
    one, other = rng.sample(scene.things, 2)
    a, b = rng.choice(((one.shape, other.shape), (f"{one.colour} object", f"{other.colour} one")))
    same = one.size == other.size
    return f"are the {a} and the {b} the same size?", "yes" if same else "no"


def _logical(rng: random.Random, scene: Scene) -> Posed:
    """A colour and a shape: both there, or one of them not."""
    one, other = rng.sample(scene.things, 2)
    colour, shape = one.colour, other.shape
    there = rng.random() < 0.5
    if not there and rng.random() < 0.5:
        here = {thing.colour for thing in scene.things}
        colour = rng.choice([each for each in COLOURS if each not in here])
    elif not there:
        here = {thing.shape for thing in scene.things}
        shape = rng.choice([each for each in SHAPES if each not in here])
    text = f"is there both a {shape} and another object that is {colour}?"
    return text, "yes" if there else "no"


_POSE: dict[str, Callable[[random.Random, Scene], Posed]] = {
    "color": _color,
    "shape": _shape,
    "verify": _verify,
    "compare": _compare,
    "logical": _logical,
}


def _neighbour(rng: random.Random, scene: Scene) -> tuple[Thing, str, Thing] | None:
    """An object, where it stands, and the other that it stands beside."""
    other, side = rng.choice(scene.things), rng.choice(SIDES)
    thing = beside(scene, side, other)
    return (thing, _WHERE[side], other) if thing else None


def _other_colour(rng: random.Random, colour: str, scene: Scene) -> str:
    """Another colour, half of the time one that the scene shows."""
    if rng.random() < 0.5:
        return rng.choice([thing.colour for thing in scene.things if thing.colour != colour])
    return rng.choice([each for each in COLOURS if each != colour])
