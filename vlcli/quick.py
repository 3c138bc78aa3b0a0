"""T5's dropout and layer norm in fewer passes over memory on the CPU, where a plain T5 spends a
fifth of a training step on them. Other devices keep the stock computation, which is fused there."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.t5.modeling_t5 import T5LayerNorm


class QuickDropout(nn.Dropout):
    """nn.Dropout whose masks on the CPU come from 16 random bits a value: p is rounded to
    1/65536, and four values share one draw of torch's generator."""

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu" or not self.training or self.p == 0:
            return super().forward(input)
        dropped = round(self.p * 65536)
        if dropped >= 65536:
            return input * 0
        bits = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: input.numel()].view(input.shape) >= dropped - 32768
        return input * kept.to(input.dtype).mul_(65536 / (65536 - dropped))


class QuickNorm(T5LayerNorm):
    """T5LayerNorm, y = w x / rms(x), with its gradient written out (float32 on the CPU)."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        x, w = hidden_states, self.weight
        if x.device.type != "cpu" or x.dtype != torch.float32 or w.dtype != torch.float32:
            stock: Tensor = super().forward(x)
            return stock
        normed: Tensor = _RootMeanSquare.apply(x, w, self.variance_epsilon)
        return normed


class _RootMeanSquare(torch.autograd.Function):
    """With n = x r and r = 1/rms(x) of width D: dx = r (g w - n sum(g w n) / D), dw = sum(g n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, eps: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        r = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        n = x * r
        ctx.save_for_backward(n, r, w)
        y: Tensor = n * w
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        n, r, w = ctx.saved_tensors
        rows = (g * n).flatten(0, -2)
        dw = rows.sum(0) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, dw, None
        share = torch.mv(rows, w).view_as(r).div_(n.shape[-1])
        return (g * w).addcmul_(n, share, value=-1).mul_(r), dw, None


def quicken(module: nn.Module) -> None:
    """Puts quick modules in the place of stock ones inside; weights and their names stay."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Dropout:
                setattr(parent, name, QuickDropout(child.p))
            elif type(child) is T5LayerNorm:
                setattr(parent, name, _quick_norm(child))


def _quick_norm(stock: T5LayerNorm) -> QuickNorm:
    quick = QuickNorm(len(stock.weight), stock.variance_epsilon)
    quick.weight = stock.weight
    return quick
