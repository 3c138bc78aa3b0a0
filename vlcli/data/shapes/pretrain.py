"""The records of pretraining: one a picture, of what other tasks say about it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from .scene import SIDE
from .sets import Shown

Record = dict[str, Any]


def records(
    rng: random.Random,
    shown: Sequence[Shown],
    questions: Sequence[Record],
    captions: Sequence[Record],
) -> Iterator[Record]:
    """Captions, questions, and boxes with the names of what they show."""
    asked = _by_image(questions, ("text", "answers"))
    told = {record["image"]: record["captions"] for record in captions}
    for each in shown:
        yield {
            **each.about(),
            "captions": told[each.image],
            "questions": [{**record, "kind": "vqa"} for record in asked[each.image]],
            **_objects(rng, each),
            "source": "mscoco",
        }


def vcr_records(
    rng: random.Random, shown: Sequence[Shown], questions: Sequence[Record]
) -> Iterator[Record]:
    """Questions with their answers and reasons, and boxes; only pictures that have questions."""
    fields = ("text", "choices", "label", "rationales", "rationale_label", "kind")
    asked = _by_image(questions, fields)
    for each in shown:
        if asked[each.image]:
            yield {**each.about(), "questions": asked[each.image], **_objects(rng, each)}


def _by_image(questions: Sequence[Record], fields: Sequence[str]) -> dict[str, list[Record]]:
    """Of each picture's questions these fields."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in questions:
        found[record["image"]].append({name: record[name] for name in fields})
    return found


def _objects(rng: random.Random, each: Shown) -> Record:
    """Boxes in any order, and their names: an attribute and an object."""
    things = rng.sample(each.scene.things, len(each.scene.things))
    return {
        "boxes": [thing.box for thing in things],
        "names": [thing.name for thing in things],
        "width": SIDE,
        "height": SIDE,
    }
