"""From examples to a batch: tokens, targets and pictures, padded to the batch and no further.

B batch, L text tokens, T target tokens, N visual tokens (of all pictures), F feature width,
A answers, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vlcli.contracts import Example, Visual
from vlcli.spec.problem import UserError

from .losses import IGNORED
from .visual_embedding import PICTURES, VisualTokens
from .wording import MARKS


@dataclass
class VLBatch:
    """What VL-T5 and VL-BART take: input_ids (B, L), labels (B, T) with -100 where nothing is to
    be learned, weights (B), `visual` where there are pictures, soft `answers` (B, A) for a
    classifier.

    `ids` are those of the examples, `task` the one they share, `averaged` what their loss averages
    over. `firsts` (B) are the ids to learn where only the first token is learned. `candidates` are
    the texts to choose among, by their first tokens `candidate_ids` (B, C), -1 where an example has
    fewer; C is 0 for the whole vocabulary. `max_written` is the most that is written, in tokens,
    and `beams` search for it; `marked` says that regions and sentinels belong to the texts,
    `objectives` names each example's loss where there are several.
    """

    ids: tuple[str, ...]
    task: str
    input_ids: Tensor
    labels: Tensor
    weights: Tensor
    averaged: Literal["example", "token"] = "example"
    visual: VisualTokens | None = None
    answers: Tensor | None = None
    firsts: Tensor | None = None
    candidates: tuple[tuple[str, ...], ...] = ()
    candidate_ids: Tensor | None = None
    max_written: int | None = None
    beams: int | None = None
    marked: bool = False
    objectives: tuple[str, ...] = ()

    def to(self, device: Any) -> VLBatch:
        moved = {f.name: _moved(getattr(self, f.name), device) for f in fields(self)}
        return replace(self, **moved)


def _moved(value: Any, device: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, VisualTokens):
        moved = VisualTokens(*(_moved(each, device) for each in value))
        return moved._replace(features=moved.features.float())  # they may be stored in half
    return value


class Collator:
    """Makes a batch of examples of one task; small and picklable, without the model.

    `answers` are a classifier's classes; empty for a model that writes its answers.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, use_vision: bool, answers: Sequence[str] = ()
    ) -> None:
        self.tokenizer = tokenizer
        self.pad: int = tokenizer.pad_token_id
        self.use_vision = use_vision
        self.classes = {answer: number for number, answer in enumerate(answers)}
        self.lead = len(tokenizer("")["input_ids"]) - 1  # special tokens in front of a text

    def __call__(self, examples: Sequence[Example]) -> VLBatch:
        task, averaged = examples[0].task, examples[0].averaged
        if any((each.task, each.averaged) != (task, averaged) for each in examples):
            raise ValueError("A batch holds examples of one task, averaged in one way.")
        texts = self.tokens([e.text for e in examples], [e.max_text for e in examples])
        targets = self.tokens([e.target or "" for e in examples], [e.max_target for e in examples])
        known = [t if e.target is not None else [] for e, t in zip(examples, targets, strict=True)]
        chosen = [each.candidates for each in examples if each.candidates is not None]
        limits = [each.max_written for each in examples if each.max_written is not None]
        first_alone = examples[0].learned == "first"
        return VLBatch(
            ids=tuple(each.id for each in examples),
            task=task,
            input_ids=padded(texts, self.pad),
            labels=padded(known, IGNORED, least=1),
            weights=torch.tensor([each.weight for each in examples], dtype=torch.float32),
            averaged=averaged,
            visual=visual_tokens([e.visuals for e in examples]) if self.use_vision else None,
            answers=self.soft_labels(examples) if self.classes else None,
            firsts=self.firsts(known) if first_alone else None,
            candidates=tuple(chosen) if len(chosen) == len(examples) else (),
            candidate_ids=self.candidate_ids(chosen) if len(chosen) == len(examples) else None,
            max_written=max(limits, default=None),
            beams=examples[0].beams,
            marked=any(mark in (e.target or "") for e in examples for mark in MARKS),
            objectives=tuple(e.objective for e in examples) if examples[0].objective else (),
        )

    def firsts(self, targets: Sequence[Sequence[int]]) -> Tensor:
        """(B): the id of every target's first token; -100 where there is no target."""
        return torch.tensor([t[self.lead] if len(t) > self.lead else IGNORED for t in targets])

    def candidate_ids(self, candidates: Sequence[tuple[str, ...]]) -> Tensor:
        """(B, C): the ids of the candidates' first tokens. UserError where two candidates of an
        example begin with the same one."""
        first: dict[str, int] = {}
        for text in {text for each in candidates for text in each}:
            first[text] = self.tokens([text], [self.lead + 2])[0][self.lead]
        for each in dict.fromkeys(candidates):
            if len({first[text] for text in each}) < len(each):
                raise UserError(
                    f"The tokenizer begins {listed(each)} with the same token, so they cannot be "
                    "told apart by it. Use a tokenizer that has these words.",
                    exit_code=3,
                )
        return padded([[first[text] for text in each] for each in candidates], -1)

    def tokens(self, texts: list[str], limits: list[int]) -> list[list[int]]:
        """Token ids of every text, special tokens included in its limit."""
        ids: list[list[int]]
        if len(set(limits)) == 1:
            ids = self.tokenizer(texts, truncation=True, max_length=limits[0])["input_ids"]
            return ids
        return [self.tokens([text], [limit])[0] for text, limit in zip(texts, limits, strict=True)]

    def soft_labels(self, examples: Sequence[Example]) -> Tensor:
        """(B, A): the score of every class; labels that are no class are left out."""
        soft = torch.zeros(len(examples), len(self.classes))
        for row, example in enumerate(examples):
            for answer, score in example.labels.items():
                if answer in self.classes:
                    soft[row, self.classes[answer]] = score
        return soft


def padded(rows: Sequence[Sequence[int]], pad: int, least: int = 0) -> Tensor:
    """Rows of ids side by side, as wide as the longest (and at least `least`)."""
    width = max(least, *map(len, rows))
    filled = [[*row, *[pad] * (width - len(row))] for row in rows]
    return torch.tensor(filled, dtype=torch.long)


def visual_tokens(pictures: Sequence[Sequence[Visual]]) -> VisualTokens | None:
    """The pictures of every example, one after the other, each padded to the largest of the batch.

    Numbers of pictures and boxes are given where an example has several pictures; the mask where
    pictures differ in size or number. None where no example has a picture.
    """
    several = max(map(len, pictures))
    if not several:
        return None
    if several > PICTURES:
        raise UserError(
            f"An example has {several} pictures, and VL-T5 tells {PICTURES} apart.", exit_code=3
        )
    if any(one.pixels is not None for each in pictures for one in each):
        return pixel_tokens(pictures, several)
    sizes = {len(one.features) for each in pictures for one in each}
    if several == 1 and len(sizes) == 1 and all(pictures):
        return VisualTokens(
            torch.stack([one.features for (one,) in pictures]),
            torch.stack([one.boxes for (one,) in pictures]),
        )
    n, width = max(sizes), next(one.features.shape[1] for each in pictures for one in each)
    features = torch.zeros(len(pictures), several, n, width)
    boxes = torch.zeros(len(pictures), several, n, 4)
    mask = torch.zeros(len(pictures), several, n, dtype=torch.bool)
    for row, each in enumerate(pictures):
        for at, one in enumerate(each):
            features[row, at, : len(one.features)] = one.features
            boxes[row, at, : len(one.boxes)] = one.boxes
            mask[row, at, : len(one.features)] = True
    numbered = several > 1
    return VisualTokens(
        features.flatten(1, 2),
        boxes.flatten(1, 2),
        None if mask.all() else mask.flatten(1, 2),
        torch.arange(several).repeat_interleave(n)[None] if numbered else None,
        torch.arange(n).repeat(several)[None] if numbered else None,
    )


def pixel_tokens(pictures: Sequence[Sequence[Visual]], several: int) -> VisualTokens:
    """The pixels of every example's pictures (or what is kept of them), at most so many each, and
    the regions to look at."""
    first = next(one.pixels for each in pictures for one in each if one.pixels is not None)
    pixels = first.new_zeros(len(pictures), several, *first.shape)
    shown = torch.zeros(len(pictures), several, dtype=torch.bool)
    many = max(len(one.boxes) for each in pictures for one in each)
    regions = torch.zeros(len(pictures), several, many, 4)
    mask = torch.zeros(len(pictures), several, many, dtype=torch.bool)
    for row, each in enumerate(pictures):
        for at, one in enumerate(each):
            assert one.pixels is not None
            pixels[row, at] = one.pixels
            shown[row, at] = True
            regions[row, at, : len(one.boxes)] = one.boxes
            mask[row, at, : len(one.boxes)] = True
    return VisualTokens(
        torch.zeros(len(pictures), 0, 0),
        regions.flatten(1, 2),
        None if mask.all() else mask.flatten(1, 2),
        pixels=pixels,
        shown=None if shown.all() else shown,
    )


def listed(texts: Sequence[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts)
