"""LoRA (Hu et al. 2022): y = W x + b + (alpha / r) B A dropout(x), A and B for each task or shared.

r lora_dim.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.freezing import Tuned
from vlcli.peft.sites import Anatomy, Switch
from vlcli.quick import QuickDropout
from vlcli.spec.groups.lora import LoraArgs


class Updates(nn.ParameterDict, Tuned):
    """One of the two matrices, for every task."""

    method = "lora"


class LoraLinear(nn.Linear):
    """A linear layer with updates; its weight and bias are those of the layer it stands for."""

    def __init__(self, stock: nn.Linear, args: LoraArgs, switch: Switch) -> None:
        nn.Module.__init__(self)
        self.in_features, self.out_features = stock.in_features, stock.out_features
        self.weight, self.bias = stock.weight, stock.bias
        self.switch = switch
        self.scale = args.lora_alpha / args.lora_dim
        self.dropout = QuickDropout(args.lora_dropout)
        device = stock.weight.device
        self.lora_As, self.lora_Bs = Updates(), Updates()
        for number, task in enumerate(switch.tasks):
            if number == 0 or not args.use_single_lora:
                A = nn.Parameter(torch.empty(args.lora_dim, self.in_features, device=device))
                B = nn.Parameter(torch.zeros(self.out_features, args.lora_dim, device=device))
                nn.init.kaiming_uniform_(A, a=math.sqrt(5))
            self.lora_As[task], self.lora_Bs[task] = A, B

    def forward(self, x: Tensor) -> Tensor:
        A, B = self.lora_As[self.switch.task], self.lora_Bs[self.switch.task]
        plain = functional.linear(x, self.weight, self.bias)
        narrow = functional.linear(self.dropout(x), A)
        both = torch.addmm(plain.flatten(0, -2), narrow.flatten(0, -2), B.t(), alpha=self.scale)
        return both.view_as(plain)

    def merged(self, task: str) -> Tensor:
        """The weight (out, in) that alone computes what layer and update do for a task."""
        update = self.lora_Bs[task] @ self.lora_As[task]
        return torch.add(self.weight, update, alpha=self.scale).detach()


def attach(anatomy: Anatomy, args: Any, switch: Switch) -> None:
    """Put updates into the projections that `lora_targets` names."""
    for owner, name, target in anatomy.projections:
        if target in args.lora_targets:
            setattr(owner, name, LoraLinear(getattr(owner, name), args, switch))
