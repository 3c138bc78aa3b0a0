"""Low-rank adapters: both projections of a bottleneck adapter are products of two thin matrices."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vlcli.peft import bottleneck
from vlcli.peft.compacter import spread
from vlcli.peft.sites import Anatomy, Switch


class LowRankLinear(nn.Module):
    """x (..., in) -> x L R + b, L (in, rank), R (rank, out)."""

    def __init__(self, inside: int, outside: int, rank: int) -> None:
        super().__init__()
        self.W_left = nn.Parameter(spread(torch.empty(inside, rank)))
        self.W_right = nn.Parameter(spread(torch.empty(rank, outside)))
        self.b = nn.Parameter(torch.zeros(outside))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.W_left @ self.W_right + self.b


def attach(anatomy: Anatomy, args: Any, switch: Switch) -> None:
    """Put low-rank adapters where bottleneck adapters stand."""
    sampler = partial(LowRankLinear, rank=args.low_rank_rank)
    bottleneck.attach(anatomy, args, switch, sampler, method="lradapter")
