"""Positional embeddings for another grid than the one they were trained on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

Grid = tuple[int, int]  # rows, columns


def resized(table: Tensor, old: Grid, new: Grid) -> Tensor:
    """(1 + r c, D) for the grid `old` as (1 + r' c', D) for `new`: the first row stays as it is,
    the others are resized as a picture is (bicubic)."""
    if old == new:
        return table
    if min(new) < 1:
        raise ValueError("they are smaller than one cell")
    picture = table[1:].T.unflatten(1, old)[None].float()
    scaled = functional.interpolate(picture, new, mode="bicubic", antialias=True)[0]
    return torch.cat([table[:1], scaled.flatten(1).T.to(table.dtype)])
