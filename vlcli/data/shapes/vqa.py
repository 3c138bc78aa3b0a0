"""The records of vqa and caption, over the first set of pictures."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .captions import describe
from .questions import ask
from .sets import Shown

QUESTIONS = {"train": 2, "valid": 1, "test": 1}  # of each kind, per picture
FILES = {"vqa": "questions.jsonl", "caption": "captions.jsonl"}


def write(folder: Path, seed: int, pictures: Sequence[Shown]) -> None:
    """Questions and captions, drawn in turn so that neither changes without the other."""
    chances: dict[str, random.Random] = {}
    with (
        (folder / FILES["vqa"]).open("w", encoding="utf-8") as questions,
        (folder / FILES["caption"]).open("w", encoding="utf-8") as captions,
    ):
        for each in pictures:
            rng = chances.setdefault(each.split, random.Random(f"{seed} words {each.split}"))
            for record in _questions(rng, each):
                questions.write(json.dumps(record) + "\n")
            told = {**each.about(), "captions": describe(rng, each.scene)}
            captions.write(json.dumps(told) + "\n")


def _questions(rng: random.Random, shown: Shown) -> Iterator[dict[str, Any]]:
    for j, question in enumerate(ask(rng, shown.scene, QUESTIONS[shown.split])):
        yield {
            **shown.about(j),
            "text": question.text,
            "answers": [question.answer],
            "kind": question.kind,
        }
