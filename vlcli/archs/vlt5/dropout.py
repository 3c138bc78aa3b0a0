"""Dropout that is quick on the CPU, where drawing a random number for each value costs a sixth of
a training step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
        scale = 65536 / (65536 - dropped)
        return torch.where(kept, input, input.new_zeros(())) * scale


def quicken(module: nn.Module) -> None:
    """Puts a QuickDropout in the place of every nn.Dropout inside."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, QuickDropout(child.p))
