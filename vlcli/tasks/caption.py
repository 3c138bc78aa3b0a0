"""Captioning: a picture described in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from vlcli.contracts import Example
from vlcli.metrics.caption import CaptionScores, best_constant, caption_scores
from vlcli.metrics.words import best_here
from vlcli.spec.problem import UserError

Record = Mapping[str, Any]

CANDIDATES = 100  # most frequent training captions among which the prior is chosen
JUDGES = 500  # training pictures, evenly spread, on which it is chosen

PREFIXES = {"span": "span prediction:", "denoise": "denoise text: <mask>", "mask": "<mask>"}


class CaptionTaskArgs(Protocol):
    """What the task reads of a spec: of TextArgs, CaptionArgs and GenerationArgs."""

    @property
    def prompt(self) -> str: ...
    @property
    def prefix(self) -> Literal["span", "denoise", "mask"] | None: ...
    @property
    def no_prefix(self) -> bool: ...
    @property
    def max_text_length(self) -> int: ...
    @property
    def gen_max_length(self) -> int: ...


class Caption:
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

    def __init__(
        self, args: CaptionTaskArgs, tokenizer: str | None = None, with_meteor: bool = False
    ) -> None:
        self.args = args
        self.tokenizer = tokenizer or best_here()
        self.with_meteor = with_meteor
        self.prior: dict[str, str] = {}
        self._reached: tuple[tuple[object, ...], dict[str, float]] = ((), {})
        self.judged: CaptionScores | None = None  # the last scores, with what they lack

    def final(self) -> Caption:
        """With METEOR, and with the same prior."""
        task = Caption(self.args, self.tokenizer, with_meteor=True)
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

    def redraw(self, example: Example, epoch: int) -> Example:
        """The same in every epoch."""
        return example

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, str]
    ) -> dict[str, float]:
        """Bleu_1 to Bleu_4, ROUGE_L, CIDEr, and METEOR where it is computed; the same (but METEOR)
        for the prior where it is known, as "prior/CIDEr"; and how many `examples` had captions to
        be judged by."""
        judged = [example for example in examples if example.references]
        if not judged:
            raise UserError(
                f"None of the {len(examples)} pictures has captions, so there are no scores."
            )
        said = {each.id: predictions[each.id] for each in judged}
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
        images = record.get("image", ())
        return Example(
            id=name,
            task=self.name,
            text=self.text,
            target=target,
            images=(images,) if isinstance(images, str) else tuple(images),
            references=tuple(captions),
            averaged="token",
            max_text=self.args.max_text_length,
            max_target=self.args.gen_max_length,
            kind=str(record.get("kind", "")),
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
