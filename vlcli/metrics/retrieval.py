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


def ranks(images: Tensor, texts: Tensor, owner: Tensor) -> Ranks:
    """`owner` (T) numbers each text's picture. Ties count as wrong, so that equal vectors find
    nothing."""
    own = torch.zeros(len(images), dtype=torch.long).index_add_(0, owner, torch.ones_like(owner))
    return Ranks(
        torch.cat([_rank_texts(images, texts, owner, rows) for rows in _chunks(images)]).where(
            own > 0, -1
        ),
        torch.cat([_rank_images(images, texts, owner, rows) for rows in _chunks(texts)]),
    )


def _chunks(rows: Tensor) -> tuple[Tensor, ...]:
    return torch.arange(len(rows)).split(ROWS)


def _rank_texts(images: Tensor, texts: Tensor, owner: Tensor, rows: Tensor) -> Tensor:
    scores_RT = images[rows] @ texts.T
    right_RT = owner[None] == rows[:, None]
    best_R = scores_RT.masked_fill(~right_RT, -torch.inf).max(1).values
    return ((scores_RT >= best_R[:, None]) & ~right_RT).sum(1)


def _rank_images(images: Tensor, texts: Tensor, owner: Tensor, rows: Tensor) -> Tensor:
    scores_RI = texts[rows] @ images.T
    right_R1 = scores_RI.gather(1, owner[rows, None])
    return (scores_RI >= right_R1).sum(1) - 1


def recall(ranked: Tensor, k: int) -> float:
    """The percentage of queries with a right partner among the first k."""
    asked = ranked[ranked >= 0]
    return 100 * float((asked < k).double().mean()) if len(asked) else float("nan")


def chance_of_images(counts: Tensor, k: int) -> float:
    """The recall of drawing k texts at random, for pictures with so many (I) texts of their own."""
    held = counts[counts > 0].double()
    total = float(counts.sum())
    missed = torch.ones_like(held)
    for drawn in range(min(k, int(total))):
        missed *= ((total - held - drawn) / (total - drawn)).clamp_min(0)
    return 100 * float((1 - missed).mean())


def chance_of_texts(images: int, k: int) -> float:
    """The recall of drawing k of so many pictures at random."""
    return 100 * min(k, images) / images
