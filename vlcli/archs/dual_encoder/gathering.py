"""The features of all processes on each of them, with exact gradients.

n rows of this process, N of all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from vlcli.runtime import distributed

from .losses.pairs import Pairs


class Gathered(NamedTuple):
    """Rows (N, ...) of all processes by rank, and which of them are this one's."""

    rows: Tensor
    own: slice


def gathered(rows: Tensor, with_grad: bool = True) -> Gathered:
    """Rows (n, ...) of every process on each. With `with_grad` the gradient of a row is the sum of
    what all processes make of it; without it, others' rows are constants."""
    if not distributed.together():
        return Gathered(rows, slice(0, len(rows)))
    counts = distributed.gather(len(rows))
    start = sum(counts[: distributed.rank()])
    own = slice(start, start + len(rows))
    if with_grad:
        return Gathered(_Gather.apply(rows, tuple(counts)), own)
    held = _all_rows(rows.detach(), counts)
    return Gathered(torch.cat([held[: own.start], rows, held[own.stop :]]), own)


def together(pairs: Pairs, local: bool, with_grad: bool) -> Pairs:
    """The pairs of all processes; the loss is that of this one's own (`local`), or of all."""
    learner, own = gathered(pairs.learner, with_grad)
    target, _ = gathered(pairs.target, with_grad)
    labels = None if pairs.labels is None else gathered(pairs.labels, with_grad=False).rows
    own = own if local else slice(0, len(learner))
    return pairs._replace(learner=learner, target=target, own=own, labels=labels)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, counts: tuple[int, ...]) -> Tensor:
        ctx.counts = counts
        return _all_rows(rows, counts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = distributed.sum_over_ranks(gradient.contiguous().clone())
        start = sum(ctx.counts[: distributed.rank()])
        return total[start : start + ctx.counts[distributed.rank()]], None


def _all_rows(rows: Tensor, counts: Any) -> Tensor:
    """Processes may have different numbers of rows; shorter ones are filled up on the way."""
    longest = max(counts)
    sent = rows.new_zeros(longest, *rows.shape[1:])
    sent[: len(rows)] = rows
    held = [torch.empty_like(sent) for _ in counts]
    dist.all_gather(held, sent.contiguous())
    return torch.cat([each[:count] for each, count in zip(held, counts, strict=True)])
