"""Tiny real things for the tests of VL-T5: a tokenizer, a model, pictures and questions."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.tokenizer import train_tokenizer
from vlcli.contracts import Example, Visual

F = 8  # width of a feature
ANSWERS = ("red", "blue", "a red circle", "2")
TEXTS = [f"vqa: what is left of the circle? {answer}" for answer in ANSWERS] * 2


@cache
def tokenizer(family: str) -> PreTrainedTokenizerBase:
    return train_tokenizer(TEXTS, family)  # type: ignore[arg-type]


def spec(family: str, **arguments: Any) -> VLSpec:
    plain = {"backbone": f"{family}-tiny", "from_scratch": True, "dropout": 0.0}
    return VLSpec(**{**plain, **arguments})


def model(family: str, answers: tuple[str, ...] | None = None, **arguments: Any) -> VLArchitecture:
    torch.manual_seed(1)
    built = VLArchitecture.build(spec(family, **arguments), tokenizer(family), F, answers)
    return built.eval()


def picture(boxes: int = 3, seed: int = 0) -> Visual:
    drawn = torch.Generator().manual_seed(seed)
    return Visual(torch.rand(boxes, F, generator=drawn), torch.rand(boxes, 4, generator=drawn))


def question(number: int = 0, **facts: Any) -> Example:
    plain: dict[str, Any] = {
        "id": f"q{number}",
        "task": "vqa",
        "text": "vqa: what is left of the circle?",
        "target": ANSWERS[number % len(ANSWERS)],
        "visuals": (picture(seed=number),),
    }
    return Example(**{**plain, **facts})
