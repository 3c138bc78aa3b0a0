"""Losses that tell the right pairs of a batch from the wrong ones, or classes from each other.

N pairs of the step, n this process's own, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .pairs import Loss, Pairs, normalised, numbers


class InfoNCE(Loss):
    """1/2 [CE(c s t', i) + CE(c t s', i)] of normalised s and t (Radford et al. 2021, CLIP)."""

    def forward(self, pairs: Pairs) -> Tensor:
        right = numbers(pairs)
        there, back = (functional.cross_entropy(each, right) for each in logits(pairs))
        return (there + back) / 2


class UniCL(Loss):
    """InfoNCE with every pair of the same class as a right one (Yang et al. 2022, UniCL); pairs of
    no class (-1) have themselves alone."""

    def forward(self, pairs: Pairs) -> Tensor:
        assert pairs.labels is not None
        own = pairs.labels[pairs.own]
        same_nN = (own[:, None] == pairs.labels[None]) & (own[:, None] >= 0)
        same_nN = same_nN.index_put(
            (torch.arange(len(own), device=own.device), numbers(pairs)),
            torch.ones_like(own, dtype=torch.bool),
        )
        share_nN = same_nN / same_nN.sum(1, keepdim=True)
        there, back = (
            functional.cross_entropy(each, share_nN.to(each.dtype)) for each in logits(pairs)
        )
        return (there + back) / 2


class SigLIP(Loss):
    """-sum_j log sigmoid(z_ij (c s_i t_j + b)), z = 1 for right pairs and -1 for wrong ones, mean
    over i (Zhai et al. 2023)."""

    def forward(self, pairs: Pairs) -> Tensor:
        there_nN, _ = logits(pairs)
        if pairs.bias is not None:
            there_nN = there_nN + pairs.bias
        sign_nN = -torch.ones_like(there_nN)
        sign_nN[torch.arange(len(sign_nN)), numbers(pairs)] = 1
        return -functional.logsigmoid(sign_nN * there_nN).sum(1).mean()


class CrossEntropy(Loss):
    """Features are the logits of classes: 1/2 [CE(s, y) + CE(t, y)], without a temperature; the
    mean over pairs that have a class."""

    def forward(self, pairs: Pairs) -> Tensor:
        assert pairs.labels is not None
        labels = pairs.labels[pairs.own]
        sums = [
            functional.cross_entropy(each[pairs.own], labels, ignore_index=-1, reduction="sum")
            for each in (pairs.learner, pairs.target)
        ]
        return (sums[0] + sums[1]) / 2 / (labels >= 0).sum().clamp_min(1)


def logits(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Scaled cosines (n, N) of this process's learner rows with all targets, and of its target rows
    with all learners."""
    learner_ND, target_ND = normalised(pairs.learner), normalised(pairs.target)
    scale = 1.0 if pairs.scale is None else pairs.scale
    there_nN = scale * learner_ND[pairs.own] @ target_ND.T
    back_nN = scale * target_ND[pairs.own] @ learner_ND.T
    return there_nN, back_nN


def distilled(pairs: Pairs, theirs: Pairs) -> Tensor:
    """The cross-entropy of our similarities under those of another model (`theirs`), both ways:
    what is added to InfoNCE in distillation (open_clip's DistillClipLoss)."""
    found = [
        functional.cross_entropy(own, other.softmax(-1))
        for own, other in zip(logits(pairs), logits(theirs), strict=True)
    ]
    return (found[0] + found[1]) / 2
