"""Fewer visual tokens: pooled over the grid, pooled over the row, or drawn at random.

B batch, N visual tokens of a picture, M what is left of them, F feature width, D model width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs
from vlcli.spec.problem import UserError

from .visual_embedding import VisualTokens

Pool = Callable[[Tensor], Tensor]


def reduction(args: VisualEmbeddingArgs) -> Callable[[VisualTokens], VisualTokens] | None:
    """What happens to visual tokens in front of their embedding; oneddownsample comes first."""
    if args.oneddownsample:
        return Downsample(RowPool(args.n_boxes))
    if args.downsample:
        return Downsample(GridPool(args.n_boxes))
    return None


class GridPool:
    """(B, N, F) -> (B, M, F): adaptive max pooling of a square grid to floor(sqrt(n))^2 cells."""

    def __init__(self, n: int) -> None:
        self.side = math.isqrt(n)

    def __call__(self, features: Tensor) -> Tensor:
        n = features.shape[1]
        side = math.isqrt(n)
        if side * side != n:
            raise UserError(
                f"downsample needs a square grid of features and got {n} of them; "
                "use oneddownsample.",
                exit_code=3,
            )
        grid = features.transpose(1, 2).unflatten(2, (side, side))
        pooled = functional.adaptive_max_pool2d(grid, (self.side, self.side))
        return pooled.flatten(2).transpose(1, 2)


class RowPool:
    """(B, N, F) -> (B, n, F): adaptive max pooling along the row of features."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, features: Tensor) -> Tensor:
        return functional.adaptive_max_pool1d(features.transpose(1, 2), self.n).transpose(1, 2)


class Downsample:
    """Pools each picture's features; its boxes and numbers are those of the first M tokens."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def __call__(self, visual: VisualTokens) -> VisualTokens:
        if visual.mask is not None:
            raise UserError(
                "Pictures with different numbers of features cannot be downsampled together; "
                "leave downsample and oneddownsample out.",
                exit_code=3,
            )
        pictures = 1 if visual.picture_ids is None else 2
        batch, n = visual.features.shape[:2]
        pooled = self.pool(visual.features.reshape(batch * pictures, n // pictures, -1))
        m = pooled.shape[1]
        if m > n // pictures:
            raise UserError(
                f"A picture has {n // pictures} features, fewer than the {m} that n_boxes keeps; "
                "lower n_boxes.",
                exit_code=3,
            )

        def first(rows: Tensor) -> Tensor:
            split: Tensor = rows.unflatten(1, (pictures, n // pictures))
            return split[:, :, :m].flatten(1, 2)

        return VisualTokens(
            pooled.reshape(batch, pictures * m, -1),
            first(visual.boxes),
            None,
            None if visual.picture_ids is None else first(visual.picture_ids),
            None if visual.box_ids is None else first(visual.box_ids),
        )


def sparse_sample(tokens: Tensor, mask: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """An ordered random subset of n of the embedded tokens (B, N, D), and of their mask (B, N).

    The order is drawn on the CPU, so that a seed means the same on every device.
    """
    batch, length = tokens.shape[:2]
    _, order = torch.rand(batch, length), torch.rand(batch, length)  # published: the second counts
    kept = order.argsort(dim=-1)[:, :n].sort(dim=-1).values
    kept = kept.to(tokens.device)
    rows = torch.arange(batch, device=tokens.device)[:, None]
    return tokens[rows, kept], mask[rows, kept]
