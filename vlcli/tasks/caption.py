"""Captioning: a picture described in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from vlcli.contracts import Example
from vlcli.metrics.caption import CaptionScores, best_constant, caption_scores
from vlcli.metrics.words import PYTHON
from vlcli.spec.problem import UserError

Record = Mapping[str, Any]

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
    `metrics.words.TOKENIZERS`; the same is used throughout a run, so that its scores compare.
    `with_meteor` computes METEOR too where there is Java: half a minute, so for a last evaluation.
    """

    name = "caption"
    field = "captions"
    best = "CIDEr"

    def __init__(
        self, args: CaptionTaskArgs, tokenizer: str = PYTHON, with_meteor: bool = False
    ) -> None:
        self.args = args
        self.tokenizer = tokenizer
        self.with_meteor = with_meteor

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
        return made

    def redraw(self, example: Example, epoch: int) -> Example:
        """The same in every epoch."""
        return example

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, str]
    ) -> dict[str, float]:
        """Bleu_1 to Bleu_4, ROUGE_L, CIDEr, and METEOR where it is computed; and how many
        `examples` had captions to be judged by."""
        judged = [example for example in examples if example.references]
        if not judged:
            raise UserError(
                f"None of the {len(examples)} pictures has captions, so there are no scores."
            )
        return {**self._scores(judged, predictions).values, "examples": len(judged)}

    def constant(self, examples: Sequence[Example], most: int = 10) -> tuple[str, dict[str, float]]:
        """The one caption for all pictures that reaches the highest CIDEr, among the `most`
        frequent references, and its scores: the mark of a model that does not see."""
        counts = Counter(text for example in examples for text in example.references)
        frequent = [text for text, _ in counts.most_common(most)]
        references = {example.id: example.references for example in examples}
        text = best_constant(frequent, references, self.tokenizer)
        return text, self.score(examples, dict.fromkeys(references, text))

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """The tokenizer, and why scores are missing."""
        empty = caption_scores({}, {}, self.tokenizer, self.with_meteor)
        return {"tokenizer": empty.tokenizer, **empty.missing}

    def _scores(self, examples: Sequence[Example], predictions: Mapping[str, str]) -> CaptionScores:
        return caption_scores(
            {example.id: predictions[example.id] for example in examples},
            {example.id: example.references for example in examples},
            self.tokenizer,
            self.with_meteor,
        )

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
