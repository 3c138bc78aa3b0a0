"""Captions of clips: with the names of people (tvc), and as steps to take (yc2c)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .captions import a
from .clip_questions import WHOLE
from .clips import Clip, introduced
from .sets import Shown

Record = dict[str, Any]
_WAYS = {"left": "to the left", "right": "to the right", "up": "up", "down": "down"}
_FROM = {
    "left": "from right to left",
    "right": "from left to right",
    "up": "from bottom to top",
    "down": "from top to bottom",
}
_STEPS = (
    "now comes the next step.",
    "this is how we do it.",
    "be careful here.",
    "we are nearly done.",
)


def tvc(rng: random.Random, shown: Sequence[Shown]) -> Iterator[Record]:
    """Three captions; the subtitles say who is which shape, the clip what happens."""
    for each in shown:
        yield {
            **each.about(),
            "captions": _told(each.scene),
            "subtitles": introduced(rng, each.scene),
            "time": WHOLE,
        }


def yc2c(rng: random.Random, shown: Sequence[Shown]) -> Iterator[Record]:
    """Two captions, as orders; the subtitles tell nothing."""
    for each in shown:
        yield {**each.about(), "captions": _ordered(each.scene), "subtitles": rng.choice(_STEPS)}


def _told(clip: Clip) -> list[str]:
    person, name = clip.people[0], clip.actor.name
    happens = {
        "moves": f"moves {_WAYS.get(clip.way, '')}",
        "appears": "appears",
        "leaves": "goes away",
        "turns": f"turns {clip.turned}",
        "stays": "stays still",
    }[clip.event]
    third = f"the {name} called {person} {happens}"
    if clip.event == "moves":
        third = f"{person} goes {_FROM[clip.way]}"
    elif len(clip.things) == 2:
        third = f"{person} {happens} near {clip.people[1]}, the {clip.things[1].name}"
    return [f"{person} {happens}", f"{person}, the {name}, {happens}", third]


def _ordered(clip: Clip) -> list[str]:
    name = clip.actor.name
    return {
        "moves": [
            f"move the {name} {_WAYS.get(clip.way, '')}",
            f"push the {name} {_FROM.get(clip.way, '')}",
        ],
        "appears": [f"add {a(name)}", f"put in {a(name)}"],
        "leaves": [f"take the {name} away", f"remove the {name}"],
        "turns": [f"paint the {name} {clip.turned}", f"make the {name} {clip.turned}"],
        "stays": [f"leave the {name} where it is", f"do not touch the {name}"],
    }[clip.event]
