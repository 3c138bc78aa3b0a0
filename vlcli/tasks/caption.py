"""Captioning: a picture described in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from vlcli.contracts import Example, Prediction, Wording
from vlcli.metrics.caption import CaptionScores, best_constant, caption_scores
from vlcli.metrics.words import best_here

from .base import (
    PLAIN,
    BaseTask,
    Record,
    judged,
    nothing_to_learn,
    object_tags,
    record_id,
    record_images,
    record_kind,
)

CANDIDATES = 100  # most frequent training captions among which the prior is chosen
JUDGES = 500  # training pictures, evenly spread, on which it is chosen

PREFIXES = {"span": "span prediction:", "denoise": "denoise text: <mask>", "mask": "<mask>"}
TAGGED = "describe image with tags:"


class Captioning(BaseTask):
    """Descriptions: learned one by one, judged against all that a record has.

    Scores are pycocoevalcap's (CIDEr not times 100). `tokenizer` names one of
    `metrics.words.TOKENIZERS`, by default the published one where there is Java, else ours; the
    same is used throughout a run, so that its scores compare. `with_meteor` computes METEOR too
    where there is Java: half a minute, so for a last evaluation. `prior` holds, under "", the one
    caption for all pictures that fits the training captions best (by CIDEr): what a model that
    does not look can reach.
    """

    field = "captions"
    best = "CIDEr"
    percent = 100.0
    averaged: Literal["example", "token"] = "token"
    longest: int | None = None  # tokens of a caption that are learned; None: as gen_max_length says

    def __init__(
        self,
        args: Any,
        wording: Wording = PLAIN,
        tokenizer: str | None = None,
        with_meteor: bool = False,
    ) -> None:
        super().__init__(args, wording)
        self.tokenizer = tokenizer or best_here()
        self.with_meteor = with_meteor
        self._reached: tuple[tuple[object, ...], dict[str, float]] = ((), {})
        self.last: CaptionScores | None = None  # the last scores, with what they lack

    def final(self) -> Captioning:
        """With METEOR, and with the same prior."""
        task = type(self)(self.args, self.wording, self.tokenizer, with_meteor=True)
        task.prior = self.prior
        return task

    def text(self, record: Record) -> str:
        """What stands in front of the picture."""
        raise NotImplementedError

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """In training one example per caption, else one per picture, with all as references."""
        made: list[Example] = []
        for record in records:
            captions = [caption.strip() for caption in record.get("captions", ())]
            name = record_id(record)
            if not training:
                made.append(self._example(record, name, None, captions))
                continue
            if not captions:
                raise nothing_to_learn(record, self.field)
            for number, caption in enumerate(captions):
                made.append(self._example(record, f"{name}#{number}", caption, captions))
        if training and made:
            self.prior = {"": _prior(made, self.tokenizer)}
        return made

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Bleu_1 to Bleu_4, ROUGE_L, CIDEr, and METEOR where it is computed; the same (but METEOR)
        for the prior where it is known, as "prior/CIDEr"; and how many `examples` had captions to
        be judged by."""
        held = judged(examples, lambda each: each.references, "pictures has captions")
        said = {each.id: predictions[each.id].text for each in held}
        self.last = caption_scores(said, _references(held), self.tokenizer, self.with_meteor)
        return {**self.last.values, **self._prior_scores(held), "examples": len(held)}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """The tokenizer, what the prior says, and why scores are missing."""
        last = self.last or caption_scores({}, {}, self.tokenizer)
        prior = {"prior": f'of every picture "{self.prior[""]}"'} if self.prior else {}
        return {"tokenizer": last.tokenizer, **prior, **last.missing}

    def _prior_scores(self, held: Sequence[Example]) -> dict[str, float]:
        """What the prior reaches; counted once for the validations of a run."""
        if not self.prior:
            return {}
        right = _references(held)
        key = (self.prior[""], *right.items())
        if self._reached[0] != key:
            said = dict.fromkeys(right, self.prior[""])
            values = caption_scores(said, right, self.tokenizer).values
            self._reached = (key, {f"prior/{name}": value for name, value in values.items()})
        return self._reached[1]

    def _example(
        self, record: Record, name: str, target: str | None, captions: Sequence[str]
    ) -> Example:
        return Example(
            id=name,
            task=self.name,
            text=self.text(record),
            target=target,
            images=record_images(record),
            references=tuple(captions),
            averaged=self.averaged,
            max_text=self.args.max_text_length,
            max_target=self.longest or self.args.gen_max_length,
            **self.writing,
            kind=record_kind(record),
            record=record,
        )


class Caption(Captioning):
    """Captions of pictures (COCO). With oscar_tags the text names the objects of the picture."""

    name = "caption"

    def text(self, record: Record) -> str:
        if self.args.no_prefix:
            return ""
        return PREFIXES[self.args.prefix] if self.args.prefix else self.args.prompt

    def look(self, example: Example) -> Example:
        """With oscar_tags the example whose text is the names of its objects."""
        if self.args.no_prefix or not self.args.oscar_tags or not example.visuals:
            return example
        return replace(example, text=f"{TAGGED} {object_tags(example)}")


def _references(examples: Sequence[Example]) -> dict[str, tuple[str, ...]]:
    return {example.id: example.references for example in examples}


def _prior(examples: Sequence[Example], tokenizer: str) -> str:
    """Of the most frequent captions the one that, said of every picture, has the highest CIDEr."""
    counts = Counter(example.target or "" for example in examples)
    frequent = [text for text, _ in counts.most_common(CANDIDATES)]
    pictures = list({example.id.rpartition("#")[0]: example for example in examples}.values())
    judges = pictures[:: max(1, len(pictures) // JUDGES)][:JUDGES]
    return best_constant(frequent, _references(judges), tokenizer)
