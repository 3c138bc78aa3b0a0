"""The losses of VL-T5: written text and chosen answers, as sums and counts.

B batch, T target tokens, K target tokens that count (label other than -100), D width, V vocabulary,
A answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vlcli.contracts import Losses

IGNORED = -100  # a label that no loss looks at


class Written(NamedTuple):
    """The losses of the K target tokens, the row (example) of each, whether it was likeliest."""

    losses: Tensor
    rows: Tensor
    right: Tensor


def written(
    hidden: Tensor, labels: Tensor, head: Callable[[Tensor], Tensor], right: bool = False
) -> Written:
    """Cross-entropy of every target token, from hidden (B, T, D) and labels (B, T).

    Logits are made only where there is a target.
    """
    rows_K, columns_K = (labels != IGNORED).nonzero(as_tuple=True)
    targets_K = labels[rows_K, columns_K]
    logits_KV = head(hidden[rows_K, columns_K])
    losses_K = functional.cross_entropy(logits_KV, targets_K, reduction="none")
    hits_K = logits_KV.detach().argmax(-1) == targets_K if right else targets_K.new_empty(0)
    return Written(losses_K, rows_K, hits_K)


def averaged(
    text: Written, weights: Tensor, over: Literal["example", "token"], accuracy: bool = False
) -> Losses:
    """Losses averaged over examples (each the mean of its own tokens) or over tokens.

    Per example: sum of weight x mean over the example's tokens, count: the examples that have any.
    Per token: sum of weight x loss, count K. The logged `accuracy` counts whole targets, or tokens.
    """
    batch = len(weights)
    tokens_B = torch.bincount(text.rows, minlength=batch)
    share_K = weights[text.rows]
    if over == "example":
        share_K = share_K / tokens_B[text.rows]
    total = (text.losses * share_K).sum()
    known = (tokens_B > 0).sum() if over == "example" else tokens_B.sum()
    count = known.to(total.dtype)
    logged = {}
    if accuracy:
        wrong_B = torch.bincount(text.rows[~text.right], minlength=batch)
        logged["accuracy"] = text.right.sum() if over == "token" else (wrong_B == 0).sum()
    return Losses(total, count, logged)


def apart(text: Written, names: Sequence[str], count: Tensor) -> dict[str, Tensor]:
    """The mean loss of the examples of each name, times the batch's count, to be logged."""
    tokens_B = torch.bincount(text.rows, minlength=len(names)).clamp_min(1)
    sums_B = torch.zeros_like(tokens_B, dtype=torch.float32)
    sums_B.index_add_(0, text.rows, text.losses.detach().float())
    means_B, found = sums_B / tokens_B, {}
    for name in dict.fromkeys(names):
        rows = [row for row, each in enumerate(names) if each == name]
        found[f"{name}_loss"] = means_B[rows].mean() * count
    return found


def count(labels: Tensor, over: Literal["example", "token"]) -> Tensor:
    """What a batch's losses will be divided by, from its labels (B, T)."""
    known = labels != IGNORED
    return (known.sum() if over == "token" else known.any(-1).sum()).float()


def first(logits: Tensor, firsts: Tensor, weights: Tensor, accuracy: bool = False) -> Losses:
    """Cross-entropy of the first token alone, from its logits (B, V) and ids (B); -100 counts
    nowhere."""
    losses_B = functional.cross_entropy(logits, firsts, reduction="none", ignore_index=IGNORED)
    known_B = firsts != IGNORED
    logged = {}
    if accuracy:
        logged["accuracy"] = (logits.detach().argmax(-1) == firsts).sum()
    return Losses((losses_B * weights).sum(), known_B.sum().to(losses_B.dtype), logged)


def chosen(logits: Tensor, soft: Tensor, accuracy: bool = False) -> Losses:
    """Binary cross-entropy of every answer's logit (B, A) against its soft label, averaged over
    answers.

    The logged `accuracy` sums the soft labels of the likeliest answers.
    """
    losses_BA = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    logged = {}
    if accuracy:
        logged["accuracy"] = soft.gather(1, logits.detach().argmax(-1, keepdim=True)).sum()
    total = losses_BA.mean(-1).sum()
    return Losses(total, total.new_tensor(len(logits)), logged)
