"""One update: a window of batches in, equal weights on all processes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vlcli.contracts import Architecture, Batch, Losses
from vlcli.runtime.distributed import gather, sum_over_ranks
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError

SMALLEST_SCALE = 1.0


class Report(NamedTuple):
    """What one update saw, over all micro-batches and processes; `logged` are this process's sums
    with their counts, by name. `stop` says that some process was asked to stop."""

    loss_sum: float
    counted: float
    examples: int
    norm: float
    logged: dict[str, tuple[Tensor, Tensor]]
    stop: bool

    @property
    def loss(self) -> float:
        return self.loss_sum / self.counted if self.counted else 0.0


class Updates:
    """Makes updates whose gradient is that of sum(Losses.sum) / sum(Losses.count) over the whole
    window: all its batches, on all processes."""

    def __init__(
        self,
        engine: Engine,
        bare: Architecture,
        model: nn.Module,
        optimizer: Optimizer,
        clip: float,
    ) -> None:
        self.engine, self.bare, self.model = engine, bare, model
        self.optimizer, self.clip = optimizer, clip

    def make(self, window: Sequence[Batch], number: int, stop: bool = False) -> Report:
        """Forward, backward, clip, step. Raises UserError, with the weights untouched, where loss
        or gradient is not finite."""
        batches = [batch.to(self.engine.device) for batch in window]
        total = self._total(batches)
        # DDP averages gradients over the processes: the world gives the sum back.
        scale = self.engine.world / total[0].clamp_min(torch.finfo(torch.float32).tiny)
        parts = [
            self._add(batch, scale, number, last=each == len(batches) - 1)
            for each, batch in enumerate(batches)
        ]
        norm = self.engine.clip(self.model, self.clip)
        sums = torch.stack([part.sum.detach().float() for part in parts])
        counts = torch.stack([part.count.detach().float().to(sums.device) for part in parts])
        seen = torch.stack([sums.sum(), counts.sum(), sums.new_tensor(float(stop))])
        sum_over_ranks(seen)
        facts: list[float] = torch.cat([seen, total, norm.float().reshape(1)]).tolist()
        loss_sum, counted, asked, expected, examples, length = facts
        if not math.isclose(counted, expected, rel_tol=1e-4, abs_tol=1e-4):
            raise RuntimeError(f"forward counted {counted:g}; count(batch) had said {expected:g}")
        if not math.isfinite(loss_sum):
            self._refuse(number, "the loss", _suspects(window, sums))
        if not math.isfinite(length) and self.engine.scale is None:
            self._refuse(number, "the gradient", [id for batch in window for id in batch.ids])
        self._step(number)
        return Report(loss_sum, counted, int(examples), length, _logged(parts), asked > 0)

    def _total(self, batches: Sequence[Batch]) -> Tensor:
        """(2,): the count and the number of examples of the whole window."""
        count = sum(float(self.bare.count(batch)) for batch in batches)
        examples = sum(len(batch.ids) for batch in batches)
        return sum_over_ranks(torch.tensor([count, float(examples)], device=self.engine.device))

    def _add(self, batch: Batch, scale: Tensor, number: int, last: bool) -> Losses:
        """Add the gradients of one micro-batch."""
        with self.engine.micro_batch(self.model, last):
            losses: Losses = self.model(batch)
            if self.engine.deepspeed:
                # Its backward also steps, so this is the last moment to look.
                seen = sum_over_ranks(losses.sum.detach().float().clone())
                if not math.isfinite(seen.item()):
                    self._refuse(number, "the loss", list(batch.ids))
            self.engine.backward(losses.sum * scale)
        return Losses(losses.sum.detach(), losses.count, losses.logged)

    def _step(self, number: int) -> None:
        self.optimizer.step()
        scale = self.engine.scale
        if scale is not None and scale < SMALLEST_SCALE:
            raise UserError(
                f"At update {number} the fp16 gradients overflow at every loss scale. "
                'Set precision to "bf16" or "fp32", or lower lr.',
                exit_code=3,
            )

    def _refuse(self, number: int, what: str, ids: list[str]) -> None:
        """Stop before the step, on all processes alike, naming the examples."""
        bad = [
            name
            for name, p in self.bare.named_parameters()
            if p.grad is not None and not torch.isfinite(p.grad).all()
        ]
        examples = [id for each in gather(ids) for id in each]
        shown = ", ".join(examples[:8]) + (f" and {len(examples) - 8} more" if examples[8:] else "")
        where = f" (first in {bad[0]})" if bad else ""
        raise UserError(
            f"At update {number} {what} is not a finite number{where}; the update was not made. "
            f"Its examples: {shown}. Look at them, or lower lr, or set clip_grad_norm.",
            exit_code=3,
        )


def _suspects(window: Sequence[Batch], sums: Tensor) -> list[str]:
    """The ids of this process's micro-batches with a bad loss."""
    fine = torch.isfinite(sums).tolist()
    return [id for batch, ok in zip(window, fine, strict=True) if not ok for id in batch.ids]


def _logged(parts: Sequence[Losses]) -> dict[str, tuple[Tensor, Tensor]]:
    """Sums by name, each with the count of the micro-batches that reported it."""
    logged: dict[str, tuple[Tensor, Tensor]] = {}
    for part in parts:
        for name, value in part.logged.items():
            value, count = value.detach().float(), part.count.detach().float()
            if name in logged:
                value, count = value + logged[name][0], count + logged[name][1]
            logged[name] = (value, count)
    return logged
