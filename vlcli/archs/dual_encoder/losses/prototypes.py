"""Losses of prototype scores: what a head with a last layer of P prototypes gives.

n this process's pairs, P prototypes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vlcli.runtime.distributed import sum_over_ranks

from .pairs import Loss, Pairs

LEARNER_TEMPERATURE = 0.1
MOMENTUM = 0.9


class Dino(Loss):
    """CE(softmax((t - c) / T), s / 0.1); the centre c follows the mean of all t by 0.9 (Caron et
    al. 2021). T is `dino_teacher_temp` throughout: no warm-up and no multi-crop."""

    centre: Tensor

    def __init__(self, width: int, args: Any) -> None:
        super().__init__(width, args)
        self.temperature = args.dino_teacher_temp
        self.register_buffer("centre", torch.zeros(1, width))

    def forward(self, pairs: Pairs) -> Tensor:
        shares_nP = ((pairs.target - self.centre) / self.temperature).softmax(-1)
        loss = functional.cross_entropy(pairs.learner / LEARNER_TEMPERATURE, shares_nP)
        if self.training:
            follow(self.centre, pairs.target)
        return loss


class ProtoCpc(Loss):
    """-sum p s / 0.1 + logsumexp(s / 0.1 + log prior), p = softmax(t / T); the prior follows P
    times the mean of all p by 0.9 (Lee 2022)."""

    prior: Tensor

    def __init__(self, width: int, args: Any) -> None:
        super().__init__(width, args)
        self.temperature = args.dino_teacher_temp
        self.register_buffer("prior", torch.ones(1, width))

    def forward(self, pairs: Pairs) -> Tensor:
        shares_nP = (pairs.target / self.temperature).softmax(-1)
        scores_nP = pairs.learner / LEARNER_TEMPERATURE
        right = (shares_nP * scores_nP).sum(-1)
        loss: Tensor = ((scores_nP + self.prior.log()).logsumexp(-1) - right).mean()
        if self.training:
            follow(self.prior, shares_nP * shares_nP.shape[1])
        return loss


@torch.no_grad()
def follow(average: Tensor, rows: Tensor) -> None:
    """Move an average (1, P) towards the mean of rows (n, P) of all processes."""
    sums = torch.cat([rows.detach().sum(0), rows.new_tensor([float(len(rows))])])
    sum_over_ranks(sums)
    average.mul_(MOMENTUM).add_((sums[:-1] / sums[-1]).to(average.dtype), alpha=1 - MOMENTUM)
