"""Scenes of the built-in data set: a few coloured shapes, and the picture that shows them."""

from __future__ import annotations

import random
from typing import NamedTuple

from PIL import Image, ImageDraw

SIDE = 64
FEWEST, MOST = 2, 5
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (212, 42, 40),
    "green": (44, 160, 62),
    "blue": (44, 84, 212),
    "yellow": (232, 216, 52),
    "purple": (146, 50, 176),
    "orange": (238, 134, 32),
}
SHAPES = ("circle", "square", "triangle", "cross")
SIZES = ("small", "large")
RADII = {"small": (4.2, 5.2), "large": (7.8, 9.4)}  # half a side, in pixels
JITTER = 18  # of every colour channel, both ways
GAP = 1.5  # pixels that stay free between two objects
_SHARP = 4  # drawn this much larger, then averaged down
_GREY = (96, 136)  # of the background


class Thing(NamedTuple):
    """One object: what it is, its centre and radius in pixels, and its colour as drawn."""

    size: str
    colour: str
    shape: str
    x: float
    y: float
    radius: float
    rgb: tuple[int, int, int]

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def box(self) -> list[float]:
        """x1, y1, x2, y2 in pixels, to a tenth: as `draw` outlines it."""
        r = self.radius
        across = above = below = 0.88 * r if self.shape == "square" else r
        if self.shape == "triangle":
            below = 0.85 * r
        sides = (self.x - across, self.y - above, self.x + across, self.y + below)
        return [round(side, 1) for side in sides]

    @property
    def looks(self) -> tuple[str, str, str]:
        return self.size, self.colour, self.shape


class Scene(NamedTuple):
    """The objects of one picture and the grey level behind them. `counted` names the colour and
    the shape whose number was drawn evenly, so that no answer to "how many" is the likely one."""

    things: tuple[Thing, ...]
    grey: int
    counted: tuple[str, str] = ("", "")

    @property
    def composition(self) -> tuple[tuple[str, str, str], ...]:
        """What stands in the scene, wherever it stands."""
        return tuple(sorted(thing.looks for thing in self.things))


def random_scene(rng: random.Random) -> Scene:
    """A scene whose number of objects, of one colour, and of one shape are each evenly spread."""
    while True:
        n = rng.randint(FEWEST, MOST)
        colour, colours = _with_even_count(rng, n, tuple(COLOURS))
        shape, shapes = _with_even_count(rng, n, SHAPES)
        sizes = rng.choices(SIZES, k=n)
        radii = [rng.uniform(*RADII[size]) for size in sizes]
        centres = places(rng, radii)
        if centres is None:
            continue
        things = tuple(
            Thing(size, hue, form, x, y, radius, jittered(rng, hue))
            for size, hue, form, (x, y), radius in zip(
                sizes, colours, shapes, centres, radii, strict=True
            )
        )
        return Scene(things, rng.randint(*_GREY), (colour, shape))


def _with_even_count(rng: random.Random, n: int, values: tuple[str, ...]) -> tuple[str, list[str]]:
    """One value v, and n values among which v stands k times.

    With n even over 2..5, these chances given n make k even over 0..3: two objects cannot show
    three of v, so the larger scenes do so more often.
    """
    chances = (1, 1, 1, 0) if n == 2 else (2, 2, 2, 3)
    k = rng.choices(range(4), chances)[0]
    chosen = rng.choice(values)
    others = [value for value in values if value != chosen]
    drawn = [chosen] * k + rng.choices(others, k=n - k)
    rng.shuffle(drawn)
    return chosen, drawn


def places(rng: random.Random, radii: list[float]) -> list[tuple[float, float]] | None:
    """Centres at any fraction of a pixel whose squares keep a gap, or None after many tries."""
    placed: dict[int, tuple[float, float]] = {}
    for i in sorted(range(len(radii)), key=lambda i: -radii[i]):
        for _ in range(60):
            low, high = radii[i] + 1, SIDE - radii[i] - 1
            x, y = rng.uniform(low, high), rng.uniform(low, high)
            if all(
                max(abs(x - placed[j][0]), abs(y - placed[j][1])) >= radii[i] + radii[j] + GAP
                for j in placed
            ):
                placed[i] = (x, y)
                break
        else:
            return None
    return [placed[i] for i in range(len(radii))]


def jittered(rng: random.Random, colour: str) -> tuple[int, int, int]:
    r, g, b = (channel + rng.randint(-JITTER, JITTER) for channel in COLOURS[colour])
    return r, g, b


def draw(scene: Scene) -> Image.Image:
    """The picture of a scene, SIDE x SIDE pixels, with smooth edges."""
    picture = Image.new("RGB", (SIDE, SIDE), (scene.grey,) * 3)
    for thing in scene.things:
        left, top = int(thing.x - thing.radius) - 1, int(thing.y - thing.radius) - 1
        span = int(2 * thing.radius) + 4
        mask = Image.new("L", (span * _SHARP, span * _SHARP), 0)
        _outline(ImageDraw.Draw(mask), thing, (thing.x - left, thing.y - top))
        picture.paste(thing.rgb, (left, top), mask.reduce(_SHARP))
    return picture


def _outline(pen: ImageDraw.ImageDraw, thing: Thing, centre: tuple[float, float]) -> None:
    x, y, r = centre[0] * _SHARP, centre[1] * _SHARP, thing.radius * _SHARP
    if thing.shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    elif thing.shape == "square":
        side = 0.88 * r
        pen.rectangle((x - side, y - side, x + side, y + side), fill=255)
    elif thing.shape == "triangle":
        pen.polygon([(x, y - r), (x + r, y + 0.85 * r), (x - r, y + 0.85 * r)], fill=255)
    else:
        arm = 0.36 * r
        pen.rectangle((x - arm, y - r, x + arm, y + r), fill=255)
        pen.rectangle((x - r, y - arm, x + r, y + arm), fill=255)
