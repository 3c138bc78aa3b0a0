"""BLEU of translations, as sacrebleu computes it on lower-case text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics import BLEU


def bleu(said: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU of translations, in percent, each against at least one reference."""
    return float(_bleu().corpus_score(list(said), _streams(right)).score)


def signature() -> str:
    """How it was computed, in sacrebleu's words."""
    metric = _bleu()
    metric.corpus_score(["a"], [["a"]])
    return str(metric.get_signature())


def best_translation(candidates: Sequence[str], right: Sequence[Sequence[str]]) -> str:
    """That of the candidates which, as the translation of everything, reaches the highest BLEU; the
    first of equals."""
    metric = BLEU(lowercase=True, references=_streams(right))
    reached = {
        each: metric.corpus_score([each] * len(right), None).score
        for each in dict.fromkeys(candidates)
    }
    return max(reached, key=lambda text: reached[text])


def _bleu() -> BLEU:
    return BLEU(lowercase=True)


def _streams(right: Sequence[Sequence[str]]) -> list[Any]:
    """The first references of all, the second references of all, ...; None where one has fewer."""
    most = max(map(len, right))
    return [[each[n] if n < len(each) else None for each in right] for n in range(most)]
