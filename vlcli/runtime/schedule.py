"""The learning rate as a pure function of the step: nothing to save, nothing to drift."""

from __future__ import annotations

import math
from typing import Literal

from torch.optim import Optimizer

from vlcli.spec.groups.training import TrainingArgs


class Schedule:
    """Linear warm-up over int(total * warmup_ratio) updates, of which number 0 has rate 0, as
    published by VL-T5; or over `warmup` updates, of which number 0 has a share of it already, as
    published by ITRA. Then linear or cosine decay to 0, or nothing."""

    def __init__(self, args: TrainingArgs, total: int) -> None:
        self.kind: Literal["linear", "cosine", "constant"] = args.lr_schedule
        self.total = total
        share = int(total * args.warmup_ratio)
        self.warmup, self.first = (share, 0) if args.warmup is None else (args.warmup, 1)

    def factor(self, step: int) -> float:
        """Share of the peak rate that update number `step` (from 0) is made with."""
        if step < self.warmup:
            return (step + self.first) / self.warmup
        progress = (step - self.warmup) / max(1, self.total - self.warmup)
        if self.kind == "linear":
            return max(0.0, 1.0 - progress)
        if self.kind == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
        return 1.0

    def set(self, optimizer: Optimizer, step: int) -> None:
        """Write the rates of update `step` into the optimizer's groups."""
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * self.factor(step)
