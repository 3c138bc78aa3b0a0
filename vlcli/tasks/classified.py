"""What tasks share that classify pictures by their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from vlcli.contracts import Example, Prediction
from vlcli.metrics import classifying
from vlcli.spec.problem import UserError

from .base import BaseTask, Record, judged, record_id, record_images, record_kind
from .class_texts import in_order, record_label


class Classified(BaseTask):
    """Pictures of one class each, for runs whose model gives vectors.

    Its own are `examples`, and `judge`: scores of classes (M, C), and the labels of the classes.
    `told` says how they came about; `said` is the class of each example, once they are scored.
    """

    field = "label"
    best = "accuracy"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.told = ""
        self.said: dict[str, str] = {}

    def pictures(
        self, records: Iterable[Record], vector: Literal["unit", "tower"], start: str = ""
    ) -> list[Example]:
        """An example for each record, of all classes the candidates."""
        held = [(each, record_label(each)) for each in records]
        for record, label in held:
            if label is None or not record_images(record):
                lacking = "label" if label is None else "image"
                raise UserError(
                    f'Record "{record_id(record)}" has no "{lacking}", and {self.name} is about '
                    "the classes of pictures. Name such data by --split"
                    + (" and --set train=..." if self.fitted else "")
                    + ".",
                    exit_code=3,
                )
        classes = tuple(in_order({label for _, label in held if label is not None}))
        return [
            Example(
                id=f"{start}{record_id(record)}",
                task=self.name,
                text="",
                images=record_images(record),
                labels={label or "": 1.0},
                candidates=classes,
                kind=record_kind(record),
                record=record,
                vector=vector,
            )
            for record, label in held
        ]

    def judge(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> tuple[Tensor, tuple[str, ...]]:
        raise NotImplementedError

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Top-1, top-5 and mean per class in percent, what drawing a class reaches, and how many
        pictures there were. Unjudged where there are none."""
        examples = judged(examples, label_of, "pictures has a label")
        scores, classes = self.judge(examples, predictions)
        best = scores.argmax(1).tolist()
        self.said = {e.id: classes[n] for e, n in zip(examples, best, strict=True)}
        labels = numbers(examples, classes)
        return {
            "accuracy": classifying.accuracy(scores, labels),
            "accuracy5": classifying.accuracy(scores, labels, 5),
            "mean_per_class": classifying.mean_per_class(scores, labels),
            "prior": 100 / len(classes),
            "examples": len(examples),
        }

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        return {self.name: self.told} if self.told else {}

    def settle(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:
        """The class of each picture."""
        return {e.id: Prediction(e.id, self.said.get(e.id, "")) for e in examples}


def label_of(example: Example) -> str:
    return next(iter(example.labels), "")


def numbers(examples: Sequence[Example], classes: Sequence[str]) -> Tensor:
    """The class of each example by number; -1 for one that is not among the classes."""
    number = {label: n for n, label in enumerate(classes)}
    return torch.tensor([number.get(label_of(each), -1) for each in examples])


def rows(examples: Sequence[Example], predictions: Mapping[str, Prediction], side: str) -> Tensor:
    """The vectors (M, D) of examples."""
    held = [predictions[each.id].vectors[side] for each in examples]
    return torch.stack(held) if held else torch.zeros(0, 0)
