"""Referring expressions: which box of a picture a phrase means (RefCOCOg)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from vlcli.contracts import Box, Example, Prediction
from vlcli.metrics.boxes import RIGHT, iou
from vlcli.spec.problem import Unjudged, UserError

from .base import BaseTask, Record, best_by_kind, needed, record_id, record_images, record_kind
from .regions import share, shares, size


class Refcoco(BaseTask):
    """A phrase in, the name of a box out.

    A box is right if its intersection over union with the one that is meant is above 0.5. In
    training one of the right ones is drawn, likelier the better it fits; an example without any
    counts in no loss. Accuracy is over all examples; `reachable` is the share that has a right box.
    """

    name = "refcoco"
    field = "box"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """One example per phrase. UserError where a record has no text, bad boxes or, to learn from
        it, no box."""
        made = [self._example(record, training) for record in records]
        if training and all(each.regions for each in made):
            labels = (self._labels(each, each.regions) for each in made)
            self.prior = best_by_kind(
                (each.kind, dict.fromkeys(fits, 1.0))
                for each, fits in zip(made, labels, strict=True)
            )
        return made

    def look(self, example: Example) -> Example:
        """With the right boxes among those of the picture, and the names to choose from."""
        boxes = example.visuals[0].boxes.tolist() if example.visuals else example.regions
        if not boxes:
            lacks = 'no "boxes"' if example.images else 'no picture and no "boxes"'
            raise UserError(f'Example "{example.id}" has {lacks} to choose among.', 3)
        names = tuple(map(self.wording.region, range(len(boxes))))
        return replace(
            example,
            labels=self._labels(example, boxes),
            candidates=names if self.args.only_boxes else (),
        )

    def redraw(self, example: Example, epoch: int) -> Example:
        """With the box to name in this epoch, drawn from (seed, epoch, id); with shuffle_boxes the
        boxes in another order. None of the boxes is right: no target."""
        chance = self.chance(example, epoch)
        if self.args.shuffle_boxes and example.visuals:
            order = list(range(len(example.visuals[0].boxes)))
            chance.shuffle(order)
            example = self._ordered(example, order)
        if not example.labels:
            return replace(example, target=None)
        names, fits = list(example.labels), list(example.labels.values())
        return replace(example, target=chance.choices(names, fits)[0])

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Accuracy in percent over all and per kind, with that of the prior, `reachable`, and how
        many `examples` had a box to be judged by."""
        judged = [each for each in examples if each.record.get("box") is not None]
        if not judged:
            raise Unjudged(f"None of the {len(examples)} phrases has a box to be judged by.")
        scores = self.accuracy(judged, predictions, _right)
        reachable = 100 * sum(bool(each.labels) for each in judged) / len(judged)
        return scores | {"reachable": reachable}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        return {
            "accuracy": "share of phrases whose box has an intersection over union above 0.5",
            "reachable": "share of phrases with such a box to choose",
        }

    def _ordered(self, example: Example, order: Sequence[int]) -> Example:
        """The same with the boxes of the picture in another order."""
        first, *others = example.visuals
        at = list(order)
        names = tuple(first.names[i] for i in at) if first.names else ()
        features = first.features[at] if first.pixels is None else first.features
        seen = first._replace(features=features, boxes=first.boxes[at], names=names)
        region = self.wording.region
        moved = {region(old): region(new) for new, old in enumerate(at)}
        labels = {moved[name]: fit for name, fit in example.labels.items()}
        return replace(example, visuals=(seen, *others), labels=labels)

    def _labels(self, example: Example, boxes: Sequence[Box]) -> dict[str, float]:
        """How well each right box fits, by its name; in whole pixels where the picture's size is
        known, as published."""
        if example.record.get("box") is None:
            return {}
        wide, high = size(example.record)
        scale = np.array([wide, high] * 2)
        pixel = 1.0 if wide > 1 else 0.0
        meant = np.array(share(example.record, example.record["box"])) * scale
        fits = iou(meant, np.asarray(boxes, np.float64).reshape(-1, 4) * scale, pixel)
        return {self.wording.region(i): float(f) for i, f in enumerate(fits) if f > RIGHT}

    def _example(self, record: Record, training: bool) -> Example:
        text = needed(record, "text", what="the phrase")
        if training:
            needed(record, "box", what="the box to learn")
        if record.get("box") is not None:
            share(record, record["box"])
        return Example(
            id=record_id(record),
            task=self.name,
            text=f"{self.args.prompt}{text}",
            images=record_images(record)[:1],
            regions=shares(record)[: self.args.n_boxes],
            names=tuple(record.get("names", ()))[: self.args.n_boxes],
            candidates=(),
            max_text=self.args.max_text_length,
            max_target=5,
            kind=record_kind(record),
            record=record,
        )


def _right(example: Example, said: Prediction) -> float:
    return float(said.text in example.labels)
