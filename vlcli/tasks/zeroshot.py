"""Zero-shot classification: pictures find the class whose texts lie nearest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from vlcli.contracts import Example, Prediction
from vlcli.metrics import classifying

from .base import UNCUT, Record
from .class_texts import ClassTexts
from .classified import Classified, rows


class ZeroShot(Classified):
    """A class is the mean of its texts, one for each template, in the common space.

    With `legacy_zeroshot` the mean is that of vectors as they are, not of length 1, as published.
    """

    name = "zeroshot"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        return self.pictures(records, "unit")

    def beside(self, examples: Sequence[Example]) -> list[Example]:
        labels = _labels(examples)
        classes = ClassTexts(self.args, labels)
        vector = "joint" if self.args.legacy_zeroshot else "unit"
        return [
            Example(
                id=f"class {label}#{number}",
                task=self.name,
                text=text,
                max_text=UNCUT,
                vector=vector,  # type: ignore[arg-type]
            )
            for label in labels
            for number, text in enumerate(classes.of(label))
        ]

    def judge(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> tuple[Tensor, tuple[str, ...]]:
        labels = _labels(examples)
        number = {label: n for n, label in enumerate(labels)}
        texts = self.beside(examples)
        owners = [number[each.id.removeprefix("class ").rpartition("#")[0]] for each in texts]
        vectors = classifying.class_vectors(
            rows(texts, predictions, "text"), torch.tensor(owners), len(labels)
        )
        each = len(texts) // len(labels)
        self.told = f"{len(labels)} classes by {each} texts each. The prior draws a class at random"
        return rows(examples, predictions, "image") @ vectors.T, labels


def _labels(examples: Sequence[Example]) -> tuple[str, ...]:
    """All classes: each example names them."""
    return examples[0].candidates or () if examples else ()
