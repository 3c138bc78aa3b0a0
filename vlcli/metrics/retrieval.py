"""How well vectors find their partners among others.

I pictures, T texts, D width of the common space.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CUTS = (1, 5, 10)  # of a ranking
ROWS = 1024  # queries that are compared at a time


class Ranks(NamedTuple):
    """How many wrong partners stand before (or level with) the best right one: of each picture
    among the texts (I; -1 of a picture without text) and of each text among the pictures (T)."""

    of_images: Tensor
    of_texts: Tensor


class Pairs(NamedTuple):
    """Which text is right for which picture: pair after pair the number of a picture and of a text,
    where a text that several pictures have counts as one."""

    picture: Tensor
    text: Tensor

    @classmethod
    def of(cls, owner: Tensor, same: Tensor | None = None) -> Pairs:
        """`owner` (T) numbers each text's picture; texts with one number in `same` (T) are equal,
        and right for the pictures of all of them."""
        if same is None:
            return cls(owner, torch.arange(len(owner)))
        return cls(owner, same.unique(return_inverse=True)[1])

    @property
    def texts(self) -> int:
        return int(self.text.max()) + 1

    def rights(self, pictures: int) -> tuple[Tensor, Tensor]:
        """How many texts are right for each picture, and how many pictures for each text."""
        once = torch.stack([self.picture, self.text]).unique(dim=1)
        return once[0].bincount(minlength=pictures), once[1].bincount(minlength=self.texts)


def ranks(images: Tensor, texts: Tensor, pairs: Pairs) -> Ranks:
    """Of vectors (I, D) and (T, D). Ties count as wrong, so that equal vectors find nothing."""
    once = torch.empty(pairs.texts, dtype=torch.long)
    once[pairs.text] = torch.arange(len(texts))
    of_images = _ranks(images, texts[once], pairs.picture, pairs.text)
    return Ranks(of_images, _ranks(texts[once], images, pairs.text, pairs.picture)[pairs.text])


def _ranks(asking: Tensor, asked: Tensor, mine: Tensor, right: Tensor) -> Tensor:
    """Of each that asks, by pairs of its number (mine) and of one that is right for it."""
    found = []
    for begin in range(0, len(asking), ROWS):
        scores = asking[begin : begin + ROWS] @ asked.T
        here = (mine >= begin) & (mine < begin + ROWS)
        is_right = torch.zeros_like(scores, dtype=torch.bool)
        is_right[mine[here] - begin, right[here]] = True
        best = scores.masked_fill(~is_right, -torch.inf).max(1, keepdim=True).values
        before = ((scores >= best) & ~is_right).sum(1)
        found.append(before.where(is_right.any(1), -1))
    return torch.cat(found)


def recall(ranked: Tensor, k: int) -> float:
    """The percentage of queries with a right partner among the first k."""
    asked = ranked[ranked >= 0]
    return 100 * float((asked < k).double().mean()) if len(asked) else float("nan")


def chance(rights: Tensor, many: int, k: int) -> float:
    """The recall of drawing k of so many at random, for queries with so many right ones each (0:
    no query)."""
    held = rights[rights > 0].double()
    missed = torch.ones_like(held)
    for drawn in range(min(k, many)):
        missed *= ((many - held - drawn) / (many - drawn)).clamp_min(0)
    return 100 * float((1 - missed).mean())
