"""Pretraining: several objectives over the texts, questions and regions of a picture."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vlcli.contracts import Example, Prediction
from vlcli.data.shown import tags
from vlcli.metrics.vqa import mean
from vlcli.spec.problem import UserError

from . import corruption
from .base import BaseTask, Record, best_by_kind, needed, record_id, record_images
from .questions import scores_of
from .regions import shares

TRUTH = ("true", "false")
COCO = "mscoco"
CAPTION_SOURCES = (COCO, "vg")
TAGGED = ("lm", "qa", "itm")  # objectives whose text gets object names (oscar_tags)
GROUNDED = ("ground_caption", "refer")


class Sentence(NamedTuple):
    """What an example of an objective is about: a text, and what is to be said to it."""

    text: str = ""
    answers: Mapping[str, float] = {}
    source: str = ""


class Pretrain(BaseTask):
    """The objectives of VL-T5: lm (words left out), qa, itm (does the text fit the picture),
    caption, ground_caption (what a region shows), refer (which region shows it).

    What is random in an example (which words, which caption, which region) is drawn anew in every
    epoch, in evaluation once. `accuracy` is the mean over objectives of the percentage that is
    right: texts word for word, answers by their score.
    """

    name = "pretrain"
    field = "captions"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.texts: list[tuple[str, str]] = []  # captions with their picture, to swap for itm

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """For each picture and objective one example a text, and `ground_upsample` examples of its
        regions. UserError where a record has none of what the objectives need."""
        held = list(records)
        self.texts = list(dict.fromkeys(self._swappable(held)))
        made: list[Example] = []
        for record in held:
            for objective in dict.fromkeys(self.args.losses):
                sentences = enumerate(self._sentences(record, objective))
                made += [self._example(record, objective, n, each) for n, each in sentences]
        if held and not made:
            raise UserError(
                f"None of the {len(held)} pictures has texts, questions or regions for the losses "
                f"{', '.join(self.args.losses)}.",
                3,
            )
        if training:
            drawn = (self.redraw(each, 0) for each in made if self._is_ready(each))
            self.prior = _constants(drawn)
        return made

    def look(self, example: Example) -> Example:
        """With the random choices of an evaluation; training makes them anew."""
        return self.redraw(example, 0)

    def redraw(self, example: Example, epoch: int) -> Example:
        """The text and target of one epoch, drawn from (seed, epoch, id)."""
        chance = self.chance(example, epoch)
        about: Sentence = example.record["sentence"]
        source, target = getattr(self, f"_{example.objective}")(example, about, chance)
        if self.args.oscar_tags and example.objective in TAGGED and example.visuals:
            source += f" tags: {' '.join(tags(example.visuals[0].names))}"
        return replace(example, text=source, target=target)

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent right: `accuracy` is the mean over objectives, "accuracy/<objective>" of each,
        with "words/lm" the percentage of left-out words that are right; the same for the best
        constants as "prior"; and the number of `examples`."""
        said = {each.id: predictions[each.id].text for each in examples}
        scores = self._by_objective("accuracy", examples, said)
        masked = [each for each in examples if each.objective == "lm"]
        if masked:
            scores["words/lm"] = 100 * mean(self._words(each, said[each.id]) for each in masked)
        if self.prior:
            usual = {e.id: self.prior.get(e.kind, self.prior[""]) for e in examples}
            scores |= self._by_objective("prior", examples, usual)
        return scores | {"examples": len(examples)}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        return {"accuracy": "mean over objectives of what is right word for word"}

    # The objectives: source and target of one example.

    def _lm(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        order = self._order(about.text, chance)
        source, target = corruption.masked(
            about.text, order, self.args.word_mask_rate, self.wording
        )
        if self.wording.style == "span":
            return f"span prediction: {source}", target
        return (source if tuple(self.args.losses) == ("lm",) else f"denoise text: {source}"), target

    def _qa(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        prefix = "vqa" if self.args.single_vqa_prefix else about.source or "vqa"
        answers = about.answers
        return f"{prefix}: {about.text}", chance.choices(list(answers), list(answers.values()))[0]

    def _itm(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        text, picture = about.text, _picture(example.record)
        if chance.random() < 0.5:
            return f"image text match: {text}", TRUTH[0]
        for _ in range(100):
            other, whose = chance.choice(self.texts)
            if whose != picture and other != text:
                return f"image text match: {other}", TRUTH[1]
        raise UserError("All captions are of one picture, so itm has no wrong ones to show.", 3)

    def _caption(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        if not (self.args.oscar_tags and example.visuals):
            return "describe image:", about.text
        told = " ".join(tags(example.visuals[0].names))
        return f"describe image with tags: {told}", about.text

    def _ground_caption(
        self, example: Example, about: Sentence, chance: random.Random
    ) -> corruption.Pair:
        names, chosen = self._regions(example, chance)
        return corruption.region_captions(names, chosen, self.wording)

    def _refer(self, example: Example, about: Sentence, chance: random.Random) -> corruption.Pair:
        names, chosen = self._regions(example, chance)
        return corruption.region_references(names, chosen, self.wording)

    def _regions(self, example: Example, chance: random.Random) -> tuple[Sequence[str], list[int]]:
        """What the regions show, and those that an example speaks of."""
        names = example.visuals[0].names if example.visuals else example.names
        if not names:
            raise UserError(
                f'Picture "{_picture(example.record)}": nothing says what its regions show, and '
                f"{example.objective} needs it: `boxes` with `names`, or feature files with obj_id "
                "and the vocabularies of Visual Genome.",
                3,
            )
        many = min(self.args.n_ground, len(names))
        return names, chance.sample(range(len(names)), many)

    # What an objective speaks about.

    def _sentences(self, record: Record, objective: str) -> Iterator[Sentence]:
        captions, source = record.get("captions", ()), str(record.get("source", COCO))
        if objective == "qa":
            if not (self.args.caption_only or self.args.coco_only):
                for each in record.get("questions", ()):
                    answers = {a: s for a, s in scores_of(each).items() if s > 0}
                    if answers:
                        asked = needed({"id": record_id(record), **each}, "text")
                        yield Sentence(asked, answers, str(each.get("kind", "vqa")))
        elif objective in GROUNDED:
            # A further record of the same picture (another source of captions) has no questions.
            if "questions" in record or record.get("boxes"):
                yield from [Sentence()] * self.args.ground_upsample
        elif self._has_texts_for(objective, source):
            for text in captions:
                yield Sentence(text, {}, source)

    def _has_texts_for(self, objective: str, source: str) -> bool:
        coco_alone = {"itm": self.args.itm_cocoonly, "caption": self.args.caption_cocoonly}
        return source == COCO or not (coco_alone.get(objective) or self.args.coco_only)

    def _swappable(self, records: Iterable[Record]) -> Iterator[tuple[str, str]]:
        """The captions that itm may show with another picture."""
        for record in records:
            if self._has_texts_for("itm", str(record.get("source", COCO))):
                for text in record.get("captions", ()):
                    yield text, _picture(record)

    def _example(self, record: Record, objective: str, number: int, about: Sentence) -> Example:
        grounded = objective in GROUNDED
        return Example(
            id=f"{record_id(record)}/{objective}/{number}",
            task=self.name,
            text=about.text,
            images=record_images(record)[:1],
            regions=shares(record)[: self.args.n_boxes] if grounded else (),
            names=tuple(record.get("names", ()))[: self.args.n_boxes] if grounded else (),
            labels=about.answers,
            weight=float(self.args.ground_weight) if grounded else 1.0,
            max_text=self.args.max_text_length,
            max_target=self.args.gen_max_length,
            **self.writing,
            kind=objective,
            objective=objective,
            record={**record, "sentence": about},
        )

    def _is_ready(self, example: Example) -> bool:
        """Whether its text can be drawn before its picture is read."""
        return example.objective not in GROUNDED or bool(example.names)

    def _order(self, text: str, chance: random.Random) -> list[int]:
        words = len(text.split())
        return chance.sample(range(words), words)

    def _words(self, example: Example, said: str) -> float:
        """The share of the left-out words of a masked text that are right, place by place."""
        about: Sentence = example.record["sentence"]
        source = example.text.removeprefix("span prediction: ").removeprefix("denoise text: ")
        told = corruption.filled(source, said, self.wording).split()
        words = about.text.split()
        order = self._order(about.text, self.chance(example, 0))
        gone = corruption.lost(order, self.args.word_mask_rate)
        if len(told) != len(words):
            return 0.0
        return mean(float(told[i] == words[i]) for i in gone)

    def _by_objective(
        self, name: str, examples: Sequence[Example], said: Mapping[str, str]
    ) -> dict[str, float]:
        found: dict[str, list[float]] = defaultdict(list)
        for each in examples:
            found[each.objective].append(_right(each, said[each.id]))
        scores = {f"{name}/{objective}": 100 * mean(v) for objective, v in sorted(found.items())}
        return {name: mean(scores.values())} | scores


def _right(example: Example, said: str) -> float:
    if example.objective == "qa":
        return float(example.labels.get(said.strip(), 0.0))
    return float(said.split() == (example.target or "").split())


def _picture(record: Record) -> str:
    return str(record.get("group", record.get("id")))


def _constants(examples: Iterable[Example]) -> dict[str, str]:
    """The most frequent target of every objective ("": of all)."""
    return best_by_kind((each.kind, {each.target or "": 1.0}) for each in examples)
