"""Pretraining on VCR: its questions, answers and reasons as texts, and its regions."""

from __future__ import annotations

import random
from collections.abc import Iterator

from vlcli.contracts import Example

from . import corruption
from .base import Record, needed, nothing_to_learn, position, record_id
from .pretrain import GROUNDED, Pretrain, Sentence


class PretrainVcr(Pretrain):
    """Each question gives every objective twice: with its answer, and with answer and reason."""

    name = "pretrain_vcr"
    field = "questions"

    def _caption(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        """The question in, the answer (or the reason) out."""
        (said,) = about.answers
        return f"{about.source}: {about.text}", said

    def _sentences(self, record: Record, objective: str) -> Iterator[Sentence]:
        for question in record.get("questions", ()):
            if question.get("label") is None:
                continue
            if objective in GROUNDED:
                yield from [Sentence()] * (2 * self.args.ground_upsample)
                continue
            named = {"id": record_id(record), **question}
            answer = _right(named, "choices", "label")
            asked = f"question: {needed(named, 'text')}"
            told = f"{asked} answer: {answer}"
            reason = (
                _right(named, "rationales", "rationale_label") if "rationales" in named else None
            )
            if objective == "caption":
                yield Sentence(asked, {answer: 1.0}, "answer prediction")
                if reason is not None:
                    yield Sentence(told, {reason: 1.0}, "rationale prediction")
            elif objective == "lm":
                yield Sentence(told)
                if reason is not None:
                    yield Sentence(f"{told} rationale: {reason}")


def _right(question: Record, choices: str, label: str) -> str:
    """The right one of the choices of a question. UserError where there is none."""
    held = needed(question, choices)
    number = position(question, label, len(held))
    if number is None:
        raise nothing_to_learn(question, label)
    right: str = held[number]
    return right
