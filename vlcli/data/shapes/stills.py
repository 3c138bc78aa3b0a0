"""The further sets of still pictures: few objects, so that little data teaches what they show."""

from __future__ import annotations

import random

from .scene import COLOURS, SHAPES, SIZES, Scene, Thing, jittered, places

CLEAR = 5  # pixels by which an object stands to one side, where a text says so
CLASSES = tuple(
    f"{colour} {shape}" for colour in ("red", "green", "blue", "yellow") for shape in SHAPES
)
SIDES = ("left", "right", "above", "below")
_RADII = {"small": (5.0, 6.2), "large": (9.0, 11.0)}
_LARGE, _CLUTTER = (13.0, 17.0), (4.0, 5.0)  # of a class, and of what lies around it
_GREY = (96, 136)


def plain_scene(rng: random.Random, number: int) -> Scene:
    """Two or three objects that share neither colour nor shape, so that either names one."""
    while True:
        n = rng.choice((2, 3))
        colours, shapes = rng.sample(tuple(COLOURS), n), rng.sample(SHAPES, n)
        sizes = rng.choices(SIZES, k=n)
        looks = list(zip(sizes, colours, shapes, strict=True))
        scene = _placed(rng, looks, [rng.uniform(*_RADII[size]) for size in sizes])
        if scene:
            return scene


def class_scene(rng: random.Random, number: int) -> Scene:
    """One large object, first in the scene, of the class that is next in turn; and one or two
    small ones of other colours and shapes."""
    colour, shape = CLASSES[number % len(CLASSES)].split()
    colours = [each for each in COLOURS if each != colour]
    shapes = [each for each in SHAPES if each != shape]
    while True:
        small = rng.choice((1, 2))
        looks = [("large", colour, shape)]
        looks += [("small", rng.choice(colours), rng.choice(shapes)) for _ in range(small)]
        radii = [rng.uniform(*_LARGE)] + [rng.uniform(*_CLUTTER) for _ in range(small)]
        scene = _placed(rng, looks, radii)
        if scene:
            return scene


def _placed(
    rng: random.Random, looks: list[tuple[str, str, str]], radii: list[float]
) -> Scene | None:
    centres = places(rng, radii)
    if centres is None:
        return None
    things = (
        Thing(*look, *centre, radius, jittered(rng, look[1]))
        for look, centre, radius in zip(looks, centres, radii, strict=True)
    )
    return Scene(tuple(things), rng.randint(*_GREY))


def along(thing: Thing, side: str) -> float:
    """How far to that side an object stands."""
    return {"left": -thing.x, "right": thing.x, "above": -thing.y, "below": thing.y}[side]


def beside(scene: Scene, side: str, other: Thing) -> Thing | None:
    """The one object to that side of another; None where there is none, another too, or doubt."""
    found = []
    for thing in scene.things:
        apart = along(thing, side) - along(other, side)
        if thing is not other and abs(apart) < CLEAR:
            return None
        if apart > 0:
            found.append(thing)
    return found[0] if len(found) == 1 else None


def farthest(things: tuple[Thing, ...], side: str) -> Thing | None:
    """The object farthest to that side; None where two are about as far."""
    row = sorted(things, key=lambda thing: -along(thing, side))
    if len(row) > 1 and along(row[0], side) - along(row[1], side) < CLEAR:
        return None
    return row[0]


def corner(thing: Thing, middle: float) -> str | None:
    """top left, top right, bottom left or bottom right; None near the middle lines."""
    if min(abs(thing.x - middle), abs(thing.y - middle)) < CLEAR:
        return None
    return f"{'top' if thing.y < middle else 'bottom'} {'left' if thing.x < middle else 'right'}"
