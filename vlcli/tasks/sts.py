"""Semantic similarity of texts: do the cosines of two texts go with what people say?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vlcli.contracts import Example, Prediction
from vlcli.metrics.correlation import pearson, spearman
from vlcli.spec.problem import Unjudged, UserError

from .base import UNCUT, BaseTask, Record, record_id, record_kind


class Sts(BaseTask):
    """Two `texts` of a record and how alike they are (`score`). Spearman's and Pearson's
    correlation with the cosine of their vectors, times 100."""

    name = "sts"
    field = "texts"
    best = "spearman"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        return [
            Example(
                id=f"{record_id(record)}#{number}",
                task=self.name,
                text=text,
                max_text=UNCUT,
                kind=record_kind(record),
                record=record,
            )
            for record in records
            for number, text in enumerate(_pair(record))
        ]

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        near = _cosines(examples, predictions)
        told = {name: float(record["score"]) for name, (record, _) in near.items()}
        if len(set(told.values())) < 2:
            raise Unjudged("All pairs of texts have one score, so there is nothing to correlate.")
        found = [cosine for _, cosine in near.values()]
        return {
            "spearman": 100 * spearman(found, list(told.values())),
            "pearson": 100 * pearson(found, list(told.values())),
            "examples": len(near),
        }

    def settle(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:
        """The cosine of each text with the other of its pair."""
        near = _cosines(examples, predictions)
        return {e.id: Prediction(e.id, f"{near[e.id.rpartition('#')[0]][1]:.4f}") for e in examples}


def _pair(record: Record) -> Sequence[str]:
    texts = [text.strip() for text in record.get("texts", ())]
    if len(texts) != 2 or not all(texts) or not isinstance(record.get("score"), (int, float)):
        name = record_id(record)
        raise UserError(f'Record "{name}": "texts" must be two texts, and "score" a number.', 3)
    return texts


def _cosines(
    examples: Sequence[Example], predictions: Mapping[str, Prediction]
) -> dict[str, tuple[Record, float]]:
    """By the id of a record: the record, and the cosine of its texts."""
    by_id = {each.id: each for each in examples}
    found: dict[str, tuple[Record, float]] = {}
    for id, example in by_id.items():
        name, _, number = id.rpartition("#")
        if number == "0":
            one, other = (predictions[f"{name}#{n}"].vectors["text"] for n in (0, 1))
            found[name] = example.record, float(one @ other)
    return found
