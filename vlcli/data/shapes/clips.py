"""Clips: four frames in one picture, in reading order, of one object to which something happens
and perhaps a second one that stands still."""

from __future__ import annotations

import random
from typing import NamedTuple

from PIL import Image, ImageDraw

from .scene import COLOURS, SHAPES, SIDE, Scene, Thing, draw, jittered

FRAME = SIDE // 2
FRAMES = 4
EVENTS = ("moves", "appears", "leaves", "turns", "stays")  # each as likely
WAYS = ("left", "right", "up", "down")
PEOPLE = ("anna", "ben", "clara", "david", "emma", "felix")
_RADIUS = (4.6, 6.0)
_NEAR, _FAR = 9.0, 23.0  # of a frame's edge: where objects stand
_LINE = (20, 20, 20)  # between frames


class Clip(NamedTuple):
    """What happens to the first of `things`: `way` is where it moves, `turned` the colour that it
    turns, `when` the first frame in which it has appeared, left or turned. `things` stand as in the
    first frame, `people` are their names, `grey` lies behind them."""

    event: str
    things: tuple[Thing, ...]
    people: tuple[str, ...]
    way: str
    turned: str
    when: int
    grey: int

    @property
    def composition(self) -> tuple[object, ...]:
        """Who does what, wherever and whenever."""
        return self.event, self.way, self.turned, *(thing.name for thing in self.things)

    @property
    def actor(self) -> Thing:
        return self.things[0]


def random_clip(rng: random.Random, number: int) -> Clip:
    """Two objects differ in colour and in shape; the colour turned to is neither's."""
    event = rng.choice(EVENTS)
    n = rng.choice((1, 2, 2))
    *colours, turned = rng.sample(tuple(COLOURS), n + 1)
    shapes = rng.sample(SHAPES, n)
    way = rng.choice(WAYS) if event == "moves" else ""
    things = tuple(
        Thing("small", colour, shape, x, y, rng.uniform(*_RADIUS), jittered(rng, colour))
        for colour, shape, (x, y) in zip(colours, shapes, _starts(rng, way), strict=False)
    )
    turned = turned if event == "turns" else ""
    people = tuple(rng.sample(PEOPLE, n))
    return Clip(event, things, people, way, turned, rng.choice((1, 2, 3)), rng.randint(96, 136))


def _starts(rng: random.Random, way: str) -> list[tuple[float, float]]:
    """Where two objects begin: in two quarters of the frame, off each other's path."""
    a, b = rng.sample((_NEAR, _FAR), 2)
    other = rng.choice((_NEAR, _FAR))
    begin = {"left": _FAR, "up": _FAR, "right": _NEAR, "down": _NEAR}.get(way)
    pair = [(begin or rng.choice((_NEAR, _FAR)), a), (other, b)]
    if way in ("up", "down") or (not way and rng.random() < 0.5):
        pair = [(y, x) for x, y in pair]
    return [(x + rng.uniform(-1.5, 1.5), y + rng.uniform(-1.5, 1.5)) for x, y in pair]


def frame(clip: Clip, number: int) -> list[Thing]:
    """What stands in a frame, where the frame has it."""
    there = list(clip.things[1:])
    actor, since = clip.actor, number >= clip.when
    if clip.event == "moves":
        far = (_FAR - _NEAR) * number / (FRAMES - 1)
        dx, dy = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[clip.way]
        actor = actor._replace(x=actor.x + dx * far, y=actor.y + dy * far)
    elif clip.event == "turns" and since:
        shift = [now - base for now, base in zip(actor.rgb, COLOURS[actor.colour], strict=True)]
        r, g, b = (base + by for base, by in zip(COLOURS[clip.turned], shift, strict=True))
        actor = actor._replace(colour=clip.turned, rgb=(r, g, b))
    if (clip.event == "appears" and not since) or (clip.event == "leaves" and since):
        return there
    return [actor, *there]


def draw_clip(clip: Clip) -> Image.Image:
    """All frames in one picture of SIDE x SIDE pixels, with lines between them."""
    things = [
        thing._replace(x=thing.x + FRAME * (number % 2), y=thing.y + FRAME * (number // 2))
        for number in range(FRAMES)
        for thing in frame(clip, number)
    ]
    picture = draw(Scene(tuple(things), clip.grey))
    pen = ImageDraw.Draw(picture)
    pen.line((FRAME, 0, FRAME, SIDE), fill=_LINE)
    pen.line((0, FRAME, SIDE, FRAME), fill=_LINE)
    return picture


def introduced(rng: random.Random, clip: Clip) -> str:
    """Subtitles that say who is which shape, in any order."""
    said = [
        f"{person}: i am the {thing.shape}."
        for person, thing in zip(clip.people, clip.things, strict=True)
    ]
    rng.shuffle(said)
    return " ".join(said)
