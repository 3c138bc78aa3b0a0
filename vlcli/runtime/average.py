"""Weights that a model is judged with in place of those it learns on: their moving average, or a
mixture with those it began with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from vlcli.spec.problem import UserError


def moving(model: nn.Module) -> dict[str, Tensor]:
    """What training may change, by its first name: parameters that train, and buffers."""
    found: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    kept = model.state_dict(keep_vars=True)
    return found | {name: each for name, each in model.named_buffers() if name in kept}


@contextmanager
def wearing(model: nn.Module, values: dict[str, Tensor]) -> Iterator[None]:
    """Exchange tensors of a model for `values` by name, and back again."""
    exchange(model, values)
    try:
        yield
    finally:
        exchange(model, values)


def exchange(model: nn.Module, values: dict[str, Tensor]) -> None:
    """Let `values` and the tensors of a model by these names change places."""
    held = moving(model)
    for name, value in values.items():
        held[name].data, values[name] = value.to(held[name].device), held[name].data


class Average:
    """The moving average of what training changes: after each update it is d old + (1 - d) new;
    numbers that are not real (counts of batches) are the newest."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.held = {name: value.detach().clone() for name, value in moving(model).items()}

    @torch.no_grad()
    def update(self) -> None:
        now = moving(self.model)
        real = [name for name in self.held if self.held[name].is_floating_point()]
        mine = [self.held[name] for name in real]
        torch._foreach_lerp_(mine, [now[name].detach() for name in real], 1 - self.decay)
        for name in self.held.keys() - set(real):
            self.held[name].copy_(now[name])

    @torch.no_grad()
    def begin(self, learning: Mapping[str, Tensor]) -> None:
        """Take up a checkpoint: the average is in the model, and learning goes on from others."""
        for name, value in moving(self.model).items():
            self.held[name].copy_(value)
            value.copy_(learning[name])

    def worn(self) -> AbstractContextManager[None]:
        """A context in which the model has the averaged weights."""
        return wearing(self.model, self.held)


@torch.no_grad()
def mixed(
    begun: Mapping[str, Tensor], now: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """(1 - share) begun + share now (WiSE-FT, Wortsman et al. 2022); counts are those of now.
    UserError where the two are of different models."""
    if begun.keys() != now.keys():
        odd = sorted(begun.keys() ^ now.keys())
        raise UserError(
            f"The weights that the run began with and those it ended with differ in {len(odd)} "
            f"names ({odd[0]}, ...), so they cannot be mixed. Remove eval_with_wise_ft.",
            exit_code=3,
        )
    return {
        name: torch.lerp(old.to(now[name]), now[name].detach(), share)
        if old.is_floating_point()
        else now[name].detach().clone()
        for name, old in begun.items()
    }
