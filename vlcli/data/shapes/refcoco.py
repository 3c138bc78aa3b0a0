"""The records of refcoco: words that mean one object of a picture, and regions to choose among."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .questions import Words, named, own_name
from .scene import SIDE, Scene, Thing
from .sets import Shown
from .stills import SIDES, farthest

REGIONS = 7  # of a picture: all objects, and what shows none
EACH, TRIES = 2, 5  # expressions a picture
OVERLAP = 0.3  # IoU that a region without an object stays below with every object
Box = list[float]
_FORMS = (
    (False, True, True),
    (False, True, False),
    (False, False, True),
    (True, False, True),
    (True, True, False),
    (True, True, True),
)
_SAID = {
    "left": "on the left",
    "right": "on the right",
    "above": "at the top",
    "below": "at the bottom",
}


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Different expressions, by looks alone where they can be, else with a place."""
    for each in shown:
        told: dict[str, tuple[str, Thing]] = {}
        for _ in range(TRIES):
            found = _by_looks(rng, each.scene) if rng.random() < 0.6 else _by_place(rng, each.scene)
            if found and len(told) < EACH:
                kind, words, thing = found
                told.setdefault(words, (kind, thing))
        for number, (words, (kind, thing)) in enumerate(told.items()):
            boxes = regions(rng, each.scene)
            yield {
                **each.about(number),
                "text": words,
                "box": thing.box,
                "boxes": boxes,
                "width": SIDE,
                "height": SIDE,
                "kind": kind,
            }


Found = tuple[str, str, Thing] | None


def _by_looks(rng: random.Random, scene: Scene) -> Found:
    found = own_name(rng, scene, _FORMS)
    return ("looks", f"the {found[0]}", found[1]) if found else None


def _by_place(rng: random.Random, scene: Scene) -> Found:
    """The farthest to one side among those that share a description."""
    words = named(rng.choice(scene.things), rng.choice(((False, False, False), *_FORMS[:3])))
    side = rng.choice(SIDES)
    alike = tuple(filter(words.fits, scene.things))
    thing = farthest(alike, side) if len(alike) > 1 else None
    return ("place", f"the {Words(*words)} {_SAID[side]}", thing) if thing else None


def regions(rng: random.Random, scene: Scene) -> list[Box]:
    """The boxes of all objects and of as many others as are missing, in any order."""
    boxes = [thing.box for thing in scene.things]
    objects = list(boxes)
    while len(boxes) < REGIONS:
        box = _shifted(rng, rng.choice(objects))
        if all(iou(box, other) < OVERLAP for other in boxes):
            boxes.append(box)
    rng.shuffle(boxes)
    return boxes


def _shifted(rng: random.Random, box: Box) -> Box:
    """A box of that size anywhere: half of the time near by, else anywhere in the picture."""
    width, height = box[2] - box[0], box[3] - box[1]
    if rng.random() < 0.5:
        x = min(max(box[0] + rng.uniform(-1, 1) * width, 0), SIDE - width)
        y = min(max(box[1] + rng.uniform(-1, 1) * height, 0), SIDE - height)
    else:
        x, y = rng.uniform(0, SIDE - width), rng.uniform(0, SIDE - height)
    return [round(side, 1) for side in (x, y, x + width, y + height)]


def iou(one: Box, other: Box) -> float:
    """Shared area as a share of the area of both."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)
