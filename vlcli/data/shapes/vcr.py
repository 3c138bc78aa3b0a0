"""The records of vcr: four answers to a question, and four reasons for the right one.

Answers differ in what the question asks for. Reasons all agree with the question and with the right
answer, and differ in one more thing that only the picture shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .captions import a
from .scene import SHAPES, SIDE
from .sets import Shown
from .stills import CLASSES, corner

KINDS = ("color", "shape", "place")
_OPTIONS = {  # of each, as many as there are choices
    "color": tuple(dict.fromkeys(name.split()[0] for name in CLASSES)),
    "shape": SHAPES,
    "place": ("top left", "top right", "bottom left", "bottom right"),
}
_ASKED = {
    "color": "what color is the large object?",
    "shape": "what shape is the large object?",
    "place": "where is the large object?",
}


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Two questions a picture: its color, which is seen at a glance, and its shape or, where it is
    clear of the middle, its place. Reasons for these name the color."""
    for each in shown:
        thing = each.scene.things[0]
        facts = {"color": thing.colour, "shape": thing.shape}
        if place := corner(thing, SIDE / 2):
            facts["place"] = place
        other = rng.choice([kind for kind in facts if kind != "color"])
        for number, kind in enumerate(("color", other)):
            yield {**each.about(number), **_posed(rng, kind, facts)}


def _posed(rng: random.Random, kind: str, facts: dict[str, str]) -> dict[str, Any]:
    others = [other for other in facts if other != "color"]
    proved = rng.choice(others) if kind == "color" else "color"
    said = {name: facts[name] for name in KINDS if name in (kind, proved)}
    answers = {value: _answer(kind, value) for value in _OPTIONS[kind]}
    reasons = {value: _reason({**said, proved: value}) for value in _OPTIONS[proved]}
    choices, label = _mixed(rng, answers, facts[kind])
    rationales, rationale_label = _mixed(rng, reasons, facts[proved])
    return {
        "text": _ASKED[kind],
        "choices": choices,
        "label": label,
        "rationales": rationales,
        "rationale_label": rationale_label,
        "kind": kind,
    }


def _answer(kind: str, value: str) -> str:
    said = {"color": value, "shape": a(value), "place": f"at the {value}"}
    return f"it is {said[kind]}"


def _reason(facts: dict[str, str]) -> str:
    """What is seen of the large object: two of its color, shape and place."""
    words = [facts[name] for name in ("color", "shape") if name in facts]
    noun = "" if "shape" in facts else " object"
    place = f" at the {facts['place']}" if "place" in facts else ""
    return f"i see {a('large', *words)}{noun}{place}"


def _mixed(rng: random.Random, texts: dict[str, str], right: str) -> tuple[list[str], int]:
    """The texts in any order, and the place of the right one."""
    mixed = rng.sample(list(texts.values()), len(texts))
    return mixed, mixed.index(texts[right])
