"""What every loss sees: the pairs of a step, and which of them are this process's.

N pairs of the step, D width of the common space.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Pairs(NamedTuple):
    """Features (N, D) of the two sides, not normalised; row i belongs to row i. `target` is the
    side that a directed loss learns towards: of the others it is simply the second.

    Where a loss gathers, rows are those of all processes, and a loss is the mean over `own`, so
    that the mean of all processes is that of the step. `labels` (N) number classes, -1 is of none.
    `scale` and `bias` are scalars.
    """

    learner: Tensor
    target: Tensor
    own: slice = slice(None)
    labels: Tensor | None = None
    scale: Tensor | None = None
    bias: Tensor | None = None


class Loss(nn.Module):
    """A loss of pairs. Buffers are its memory of earlier steps; it learns nothing itself.

    `width` is D (of prototype losses, how many prototypes there are), `args` the spec.
    """

    def __init__(self, width: int, args: Any) -> None:
        super().__init__()

    def forward(self, pairs: Pairs) -> Tensor:
        raise NotImplementedError


def normalised(features: Tensor) -> Tensor:
    return functional.normalize(features, dim=-1)


def numbers(pairs: Pairs) -> Tensor:
    """The rows of this process's own pairs, by number."""
    return torch.arange(len(pairs.learner), device=pairs.learner.device)[pairs.own]
