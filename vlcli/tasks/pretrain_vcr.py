"""Pretraining on VCR: its questions, answers and reasons as texts, and its regions."""

from __future__ import annotations

import random
from collections.abc import Iterator

from vlcli.contracts import Example

from . import corruption
from .base import Record
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
            answer = question["choices"][int(question["label"])]
            asked = f"question: {question['text']}"
            told = f"{asked} answer: {answer}"
            reasons = question.get("rationales")
            reason = reasons[int(question["rationale_label"])] if reasons else None
            if objective == "caption":
                yield Sentence(asked, {answer: 1.0}, "answer prediction")
                if reason is not None:
                    yield Sentence(told, {reason: 1.0}, "rationale prediction")
            elif objective == "lm":
                yield Sentence(told)
                if reason is not None:
                    yield Sentence(f"{told} rationale: {reason}")
