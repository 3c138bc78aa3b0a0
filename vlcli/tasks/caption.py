"""Captioning: a picture described in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlcli.contracts import Example, Prediction, Wording
from vlcli.metrics.caption import CaptionScores, best_constant, caption_scores
from vlcli.metrics.words import best_here
from vlcli.spec.problem import Unjudged, UserError

from .base import PLAIN, BaseTask, Record, record_images, record_kind

CANDIDATES = 100  # most frequent training captions among which the prior is chosen
JUDGES = 500  # training pictures, evenly spread, on which it is chosen

PREFIXES = {"span": "span prediction:", "denoise": "denoise text: <mask>", "mask": "<mask>"}


class Caption(BaseTask):
    """Captions of pictures: learned one by one, judged against all of a picture's.

    Scores are pycocoevalcap's (CIDEr not times 100). `tokenizer` names one of
    `metrics.words.TOKENIZERS`, by default the published one where there is Java, else ours; the
    same is used throughout a run, so that its scores compare. `with_meteor` computes METEOR too
    where there is Java: half a minute, so for a last evaluation. `prior` holds, under "", the one
    caption for all pictures that fits the training captions best (by CIDEr): what a model that
    does not look can reach.
    """

    name = "caption"
    field = "captions"
    best = "CIDEr"
    percent = 100.0

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
        self.judged: CaptionScores | None = None  # the last scores, with what they lack

    def final(self) -> Caption:
        """With METEOR, and with the same prior."""
        task = type(self)(self.args, self.wording, self.tokenizer, with_meteor=True)
        task.prior = self.prior
        return task

    @property
    def text(self) -> str:
        """What stands in front of the picture."""
        if self.args.no_prefix:
            return ""
        return PREFIXES[self.args.prefix] if self.args.prefix else self.args.prompt

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """In training one example per caption, else one per picture, with all as references."""
        made: list[Example] = []
        for record in records:
            captions = [caption.strip() for caption in record.get("captions", ())]
            if not training:
                made.append(self._example(record, str(record["id"]), None, captions))
                continue
            if not captions:
                raise UserError(
                    f'Record "{record["id"]}" has no "captions" to learn from.', exit_code=3
                )
            for number, caption in enumerate(captions):
                made.append(self._example(record, f"{record['id']}#{number}", caption, captions))
        if training and made:
            self.prior = {"": _prior(made, self.tokenizer)}
        return made

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Bleu_1 to Bleu_4, ROUGE_L, CIDEr, and METEOR where it is computed; the same (but METEOR)
        for the prior where it is known, as "prior/CIDEr"; and how many `examples` had captions to
        be judged by."""
        judged = [example for example in examples if example.references]
        if not judged:
            raise Unjudged(
                f"None of the {len(examples)} pictures has captions, so there are no scores."
            )
        said = {each.id: predictions[each.id].text for each in judged}
        self.judged = caption_scores(said, _references(judged), self.tokenizer, self.with_meteor)
        return {**self.judged.values, **self._prior_scores(judged), "examples": len(judged)}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """The tokenizer, what the prior says, and why scores are missing."""
        judged = self.judged or caption_scores({}, {}, self.tokenizer)
        prior = {"prior": f'of every picture "{self.prior[""]}"'} if self.prior else {}
        return {"tokenizer": judged.tokenizer, **prior, **judged.missing}

    def _prior_scores(self, judged: Sequence[Example]) -> dict[str, float]:
        """What the prior reaches; counted once for the validations of a run."""
        if not self.prior:
            return {}
        right = _references(judged)
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
            text=self.text,
            target=target,
            images=record_images(record),
            references=tuple(captions),
            averaged="token",
            max_text=self.args.max_text_length,
            max_target=self.args.gen_max_length,
            max_written=self.args.gen_max_length,
            kind=record_kind(record),
            record=record,
        )


def _references(examples: Sequence[Example]) -> dict[str, tuple[str, ...]]:
    return {example.id: example.references for example in examples}


def _prior(examples: Sequence[Example], tokenizer: str) -> str:
    """Of the most frequent captions the one that, said of every picture, has the highest CIDEr."""
    counts = Counter(example.target or "" for example in examples)
    frequent = [text for text, _ in counts.most_common(CANDIDATES)]
    pictures = list({example.id.rpartition("#")[0]: example for example in examples}.values())
    judges = pictures[:: max(1, len(pictures) // JUDGES)][:JUDGES]
    return best_constant(frequent, _references(judges), tokenizer)
