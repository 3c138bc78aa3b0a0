"""Compacter (Karimi Mahabadi et al. 2021): adapters whose projections are sums of Kronecker
products of small rules, which may be shared, with large factors, which may have a low rank.

n hypercomplex_division, k phm_rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vlcli.peft import bottleneck
from vlcli.peft.sites import Anatomy, Switch
from vlcli.spec.groups.compacter import CompacterArgs


class Rule(nn.Module):
    """The rules A (n, n, n) of a layer, or of several; a product of rank 1 each where factorized.

    Its tensors are laid into every layer that uses them. Rules that are not learned are buffers.
    """

    def __init__(self, args: CompacterArgs) -> None:
        super().__init__()
        n = args.hypercomplex_division
        sizes = {"phm_rule": (n, n, n)}
        if args.factorized_phm_rule:
            sizes = {"phm_rule_left": (n, n, 1), "phm_rule_right": (n, 1, n)}
        for name, size in sizes.items():
            value = torch.empty(size).normal_(std=args.phm_init_range)
            if args.learn_phm:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def lay_into(self, module: nn.Module) -> None:
        """Make a module's rules these."""
        for name, parameter in self._parameters.items():
            module.register_parameter(name, parameter)
        for name, buffer in self._buffers.items():
            module.register_buffer(name, buffer)


class PHMLinear(nn.Module):
    """x (..., in) -> x H + b with H (in, out) = sum over n of A_i kron W_i."""

    phm_rule: Tensor
    phm_rule_left: Tensor
    phm_rule_right: Tensor

    def __init__(self, inside: int, outside: int, args: CompacterArgs) -> None:
        super().__init__()
        n, k = args.hypercomplex_division, args.phm_rank
        self.factorized, self.factorized_rule = args.factorized_phm, args.factorized_phm_rule
        if not args.shared_phm_rule:
            Rule(args).lay_into(self)
        if args.factorized_phm:
            self.W_left = nn.Parameter(spread(torch.empty(n, inside // n, k)))
            self.W_right = nn.Parameter(spread(torch.empty(n, k, outside // n)))
        else:
            self.W = nn.Parameter(spread(torch.empty(n, inside // n, outside // n)))
        self.b = nn.Parameter(torch.zeros(outside))

    def rule(self) -> Tensor:
        """A (n, n, n)."""
        held: Any = self  # parameters or buffers
        if self.factorized_rule:
            return torch.matmul(held.phm_rule_left, held.phm_rule_right)
        rule: Tensor = held.phm_rule
        return rule

    def forward(self, x: Tensor) -> Tensor:
        A = self.rule()
        W = self.W_left @ self.W_right if self.factorized else self.W
        H = torch.einsum("nab,ncd->acbd", A, W)
        return x @ H.reshape(x.shape[-1], -1) + self.b


def attach(anatomy: Anatomy, args: Any, switch: Switch, model: nn.Module) -> None:
    """Put compacters where bottleneck adapters stand. A rule shared by all lies in `model`."""
    shared = Rule(args) if args.shared_phm_rule else None
    if shared is not None:
        shared.lay_into(model)

    def follow(adapters: Sequence[bottleneck.Adapter]) -> None:
        for adapter in adapters:
            for first, own in zip(adapters[0].children(), adapter.children(), strict=True):
                if shared is not None:
                    shared.lay_into(own)
                elif args.shared_phm_rule_over_tasks:
                    _share(first, own)

    def sampler(inside: int, outside: int) -> nn.Module:
        return PHMLinear(inside, outside, args)

    bottleneck.attach(anatomy, args, switch, sampler, follow, "compacter")


def _share(first: nn.Module, own: nn.Module) -> None:
    """Give a layer the rules of another."""
    for name in ("phm_rule", "phm_rule_left", "phm_rule_right"):
        if name in first._parameters:
            own.register_parameter(name, first._parameters[name])
        elif name in first._buffers:
            own.register_buffer(name, first._buffers[name])


def spread(value: Tensor) -> Tensor:
    """Published first weights: Xavier uniform with a gain of sqrt 2, each matrix by itself."""
    for matrix in value.view(-1, *value.shape[-2:]):
        nn.init.xavier_uniform_(matrix, gain=2**0.5)
    return value
