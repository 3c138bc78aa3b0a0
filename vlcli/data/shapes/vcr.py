"""The records of vcr: four answers to a question, and four reasons for the right one.

Answers differ in what the question asks for. Reasons all agree with the question and with the right
answer, and differ in one more thing that only the picture shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .captions import a
from .scene import COLOURS, SHAPES, SIDE, Scene, Thing
from .sets import Shown
from .stills import corner

CORNERS = ("top left", "top right", "bottom left", "bottom right")
KINDS = ("color", "shape", "place")
CHOICES = 4
_OPTIONS = {"colour": tuple(COLOURS), "shape": SHAPES, "place": CORNERS}


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Two questions a picture, of different kinds, about objects clear of the middle."""
    for each in shown:
        clear = [(t, place) for t in each.scene.things if (place := corner(t, SIDE / 2))]
        for number, kind in enumerate(rng.sample(KINDS, 2) if clear else ()):
            yield {**each.about(number), **_posed(rng, kind, each.scene, *rng.choice(clear))}


def _posed(rng: random.Random, kind: str, scene: Scene, thing: Thing, place: str) -> dict[str, Any]:
    facts = {"colour": thing.colour, "shape": thing.shape, "place": place}
    asked = {"color": "colour"}.get(kind, kind)
    text = {
        "color": f"what color is the {thing.shape}?",
        "shape": f"what shape is the {thing.colour} object?",
        "place": f"where is the {thing.shape}?",
    }[kind]
    proved = "colour" if kind == "place" else "place"
    answers = [_answer(asked, value) for value in _options(rng, asked, facts, scene)]
    reasons = [_reason({**facts, proved: value}) for value in _options(rng, proved, facts, scene)]
    choices, label = _shuffled(rng, answers)
    rationales, rationale_label = _shuffled(rng, reasons)
    return {
        "text": text,
        "choices": choices,
        "label": label,
        "rationales": rationales,
        "rationale_label": rationale_label,
        "kind": kind,
    }


def _options(rng: random.Random, what: str, facts: dict[str, str], scene: Scene) -> list[str]:
    """The true value and three others; of colours one that the scene shows elsewhere, too."""
    right = facts[what]
    others = [value for value in _OPTIONS[what] if value != right]
    if what != "colour":
        return [right, *rng.sample(others, CHOICES - 1)]
    near = rng.choice([thing.colour for thing in scene.things if thing.colour != right])
    others.remove(near)
    return [right, near, *rng.sample(others, CHOICES - 2)]


def _answer(what: str, value: str) -> str:
    said = {"colour": value, "shape": a(value), "place": f"at the {value}"}
    return f"it is {said[what]}"


def _reason(facts: dict[str, str]) -> str:
    return f"i see {a(facts['colour'], facts['shape'])} at the {facts['place']}"


def _shuffled(rng: random.Random, texts: list[str]) -> tuple[list[str], int]:
    """In any order, with the place of the one that came first."""
    right = texts[0]
    mixed = rng.sample(texts, len(texts))
    return mixed, mixed.index(right)
