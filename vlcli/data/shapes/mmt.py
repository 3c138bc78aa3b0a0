"""The records of mmt: sentences in English and in German. Where the English says "colored" only the
picture tells which adjective the German needs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .captions import a
from .scene import Scene, Thing
from .sets import Shown
from .stills import SIDES, beside, farthest

EACH = 2  # sentences a picture
COLORED = "colored"
_NOUNS = {
    "circle": ("der", "Kreis"),
    "square": ("das", "Quadrat"),
    "triangle": ("das", "Dreieck"),
    "cross": ("das", "Kreuz"),
}
_WORDS = {
    "red": "rot",
    "green": "grün",
    "blue": "blau",
    "yellow": "gelb",
    "purple": "lila",
    "orange": "orange",
    "small": "klein",
    "large": "groß",
}
_FIXED = ("lila", "orange")  # take no ending
_BESIDE = {
    "left": ("to the left of", "links von"),
    "right": ("to the right of", "rechts von"),
    "above": ("above", "über"),
    "below": ("below", "unter"),
}
_AT = {
    "left": ("on the left", "links"),
    "right": ("on the right", "rechts"),
    "above": ("at the top", "oben"),
    "below": ("at the bottom", "unten"),
}
_ENDINGS = {"der": ("er", "en"), "das": ("es", "es")}  # after "ein": nominative, accusative
Pair = tuple[str, str]  # English and German


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Half of the sentences name colours, half only say "colored"."""
    for each in shown:
        told: dict[str, str] = {}
        for named in (True, False):
            for _ in range(4):
                pair = rng.choice((_position, _relation, _existence))(rng, each.scene, named)
                if pair:
                    told.setdefault(*pair)
                    break
        for number, (english, german) in enumerate(told.items()):
            yield {**each.about(number), "text": english, "answers": [german]}


def _position(rng: random.Random, scene: Scene, named: bool) -> Pair | None:
    """The circle on the left is red: der Kreis links ist rot."""
    side = rng.choice(SIDES)
    thing = farthest(scene.things, side)
    if thing is None:
        return None
    article, noun = _NOUNS[thing.shape]
    said = rng.choice((thing.colour, thing.size)) if named else thing.colour
    where, wo = _AT[side]
    return (
        f"the {thing.shape} {where} is {said if named else COLORED}",
        f"{article} {noun} {wo} ist {_WORDS[said]}",
    )


def _relation(rng: random.Random, scene: Scene, named: bool) -> Pair | None:
    """The red circle is above the square: der rote Kreis ist über dem Quadrat."""
    other, side = rng.choice(scene.things), rng.choice(SIDES)
    thing = beside(scene, side, other)
    if thing is None:
        return None
    article, noun = _NOUNS[thing.shape]
    where, wo = _BESIDE[side]
    return (
        f"the {_colour(thing, named)} {thing.shape} is {where} the {other.shape}",
        f"{article} {_ending(thing.colour, 'e')} {noun} ist {wo} dem {_NOUNS[other.shape][1]}",
    )


def _existence(rng: random.Random, scene: Scene, named: bool) -> Pair | None:
    """There is a red circle: es gibt einen roten Kreis. Or where one stands, as the subject."""
    thing = rng.choice(scene.things)
    article, noun = _NOUNS[thing.shape]
    subject, object_ = _ENDINGS[article]
    english = a(_colour(thing, named), thing.shape)
    ein = "einen" if article == "der" else "ein"
    side = rng.choice(SIDES)
    if farthest(scene.things, side) is thing:
        where, wo = _AT[side]
        german = f"ein {_ending(thing.colour, subject)} {noun} ist {wo}"
        return f"{english} is {where}", german
    return f"there is {english}", f"es gibt {ein} {_ending(thing.colour, object_)} {noun}"


def _colour(thing: Thing, named: bool) -> str:
    return thing.colour if named else COLORED


def _ending(word: str, ending: str) -> str:
    german = _WORDS[word]
    return german if german in _FIXED else german + ending
