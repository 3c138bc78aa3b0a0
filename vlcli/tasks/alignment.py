"""Alignment: which text belongs to which picture. Learned pair by pair, judged by retrieval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from vlcli.contracts import Example, Prediction
from vlcli.metrics import retrieval
from vlcli.spec.problem import Unjudged

from .base import (
    UNCUT,
    BaseTask,
    Record,
    nothing_to_learn,
    record_id,
    record_images,
    record_kind,
)
from .class_texts import ClassTexts, record_label
from .classified import rows

SIDES = ("image to text", "text to image")


class Alignment(BaseTask):
    """Pictures and their captions.

    In training an example is a picture with one of its captions, drawn anew each epoch, or one of
    them all (`caption_choice`). In evaluation a picture and each of its captions are examples of
    their own; recall at k is the share of pictures that find one of their captions among the first
    k of all, and of captions that find their picture. `mean_recall` is the mean of the six. Where
    a record has a class alone, the sentences that say so are its captions, in evaluation the first
    of them. Records of one picture count as one, and a caption of several as right for each.
    """

    name = "alignment"
    field = "captions"
    best = "mean_recall"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        told = self._told(list(records), training)
        if training:
            return [example for each in told for example in self._learned(*each)]
        merged: dict[tuple[str, ...], tuple[Record, list[str]]] = {}
        for record, captions in told:
            images = record_images(record)
            merged.setdefault(images or (record_id(record),), (record, []))[1].extend(captions)
        return [example for each in merged.values() for example in self._asked(*each)]

    def _told(self, records: list[Record], training: bool) -> list[tuple[Record, list[str]]]:
        """Records with their captions."""
        found = [(each, [c.strip() for c in each.get("captions", ())]) for each in records]
        labels = {record_label(record): record for record, captions in found if not any(captions)}
        named = [label for label in labels if label is not None]
        classes = ClassTexts(self.args, named) if named else None
        told = []
        for record, captions in found:
            captions = [caption for caption in captions if caption]
            label = record_label(record)
            if classes and not captions and label is not None:
                texts = classes.of(label)
                captions = list(texts if training else texts[:1])
            told.append((record, captions))
        return told

    def redraw(self, example: Example, epoch: int) -> Example:
        """With the caption of an epoch."""
        if len(example.references) == 1:
            return replace(example, target=example.references[0])
        return replace(example, target=self.chance(example, epoch).choice(example.references))

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """R@1, R@5 and R@10 in percent, each way and as the mean of both; what drawing at random
        reaches beside them, and how many pictures (`examples`) there were."""
        images, texts, pairs = vectors(examples, predictions)
        found = retrieval.ranks(images, texts, pairs)
        of_images, of_texts = pairs.rights(len(images))
        scores: dict[str, float] = {}
        for k in retrieval.CUTS:
            ways = (retrieval.recall(found.of_images, k), retrieval.recall(found.of_texts, k))
            by_chance = (
                retrieval.chance(of_images, pairs.texts, k),
                retrieval.chance(of_texts[pairs.text], len(images), k),
            )
            for name, values in ((f"R@{k}", ways), (f"prior/R@{k}", by_chance)):
                scores[name] = sum(values) / 2
                scores |= {f"{name}/{s}": v for s, v in zip(SIDES, values, strict=True)}
        for start in ("", "prior/"):
            cuts = [scores[f"{start}R@{k}"] for k in retrieval.CUTS]
            scores[f"{start}mean_recall"] = sum(cuts) / len(cuts)
        return {**scores, "examples": len(images)}

    def settle(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, Prediction]:
        """Of each picture the caption that fits best, of each caption the picture."""
        seen, read = _apart(examples, predictions)
        images, texts = rows(seen, predictions, "image"), rows(read, predictions, "text")
        kept: dict[str, Prediction] = {}
        for mine, others, held, names in (
            (images, texts, seen, [each.text for each in read]),
            (texts, images, read, [each.images[0] for each in seen]),
        ):
            for number, example in enumerate(held):
                best = int((mine[number] @ others.T).argmax()) if len(others) else None
                kept[example.id] = Prediction(example.id, "" if best is None else names[best])
        return kept

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        texts = [_plain(each.text) for each in examples if not each.images]
        twice = len(texts) - len(set(texts))
        more = f", of which {twice} say what another says" if twice else ""
        return {
            "retrieval": f"each way among all; {len(texts)} texts{more}. The prior draws at random"
        }

    def _learned(self, record: Record, captions: Sequence[str]) -> list[Example]:
        if not captions:
            raise nothing_to_learn(record, self.field)
        if not record_images(record):
            raise nothing_to_learn(record, "image")
        name, label = record_id(record), record_label(record)
        labels = {label: 1.0} if label is not None else {}
        plain = self._example(record, name, record_images(record))
        if self.args.caption_choice == "random":
            return [replace(plain, references=tuple(captions), labels=labels)]
        return [
            replace(plain, id=f"{name}#{number}", references=(caption,), labels=labels)
            for number, caption in enumerate(captions)
        ]

    def _asked(self, record: Record, captions: Sequence[str]) -> list[Example]:
        name, images = record_id(record), record_images(record)
        found = [
            replace(self._example(record, f"{name}#{number}"), text=caption, references=images)
            for number, caption in enumerate(captions)
        ]
        seen = replace(self._example(record, name, images), references=tuple(captions))
        return [seen, *found]

    def _example(self, record: Record, name: str, images: tuple[str, ...] = ()) -> Example:
        return Example(
            id=name,
            task=self.name,
            text="",
            images=images,
            max_text=UNCUT,
            kind=record_kind(record),
            record=record,
        )


def vectors(
    examples: Sequence[Example], predictions: Mapping[str, Prediction]
) -> tuple[Tensor, Tensor, retrieval.Pairs]:
    """Pictures (I, D), texts (T, D), and which belong together. A text whose picture could not be
    read is left out. Unjudged where there are no pairs."""
    seen, read = _apart(examples, predictions)
    number = {each.images: n for n, each in enumerate(seen)}
    read = [each for each in read if each.references in number]
    if not read:
        raise Unjudged(
            f"None of the {len(seen)} pictures has captions, so there is nothing to score."
        )
    said: dict[str, int] = {}
    same = [said.setdefault(_plain(each.text), len(said)) for each in read]
    owner = torch.tensor([number[each.references] for each in read])
    pairs = retrieval.Pairs.of(owner, torch.tensor(same))
    return rows(seen, predictions, "image"), rows(read, predictions, "text"), pairs


def _plain(text: str) -> str:
    """A text as it is compared with others."""
    return " ".join(text.casefold().split())


def _apart(
    examples: Sequence[Example], predictions: Mapping[str, Prediction]
) -> tuple[list[Example], list[Example]]:
    """The pictures and the texts among examples."""
    seen = [each for each in examples if "image" in predictions[each.id].vectors]
    return seen, [each for each in examples if "text" in predictions[each.id].vectors]
