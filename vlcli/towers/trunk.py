"""The frozen beginning of an encoder, up to its first stage that learns.

B pictures, S side in pixels, T places of what enters that stage, C its width, r, c rows and columns
of the tower's grid, F feature width.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .stages import stages
from .tower import Pool, Tower

MAP = 4  # axes of (B, C, r, c)
LEAST = 2  # stages: one that is cut off, and the one to enter
CLOSE = 1e-4  # of the largest feature, between a tower and its two halves


class Trunk:
    """What of `tower` comes in front of its stage `stage`. Both halves are run through the tower
    itself: `held` stops in front of the stage, and `rest` changes what enters it, after one empty
    picture went through what is before. `way` names the modules in the order in which a picture
    reaches them."""

    def __init__(self, tower: Tower, pool: Pool, stage: str, way: Sequence[str]) -> None:
        self.tower, self.pool, self.stage, self.way = tower, pool, stage, tuple(way)
        self.before = frozenset(way[: way.index(stage)])
        self.entry = tower.visual.get_submodule(stage)
        entered = self._entered(_empty(tower, 1))
        self.shape = entered.shape[1:]
        self.places, self.width = entered[0].numel() // self.shape[-1], self.shape[-1]

    def held(self, pictures: Tensor) -> Tensor:
        """(B, T, C) of pictures (B, S, S, 3) in bytes."""
        return self._entered(pictures).flatten(1, -2)

    def rest(self, held: Tensor) -> Tensor:
        """(B, r, c, F) of (B, T, C)."""
        entering = held.unflatten(1, self.shape[:-1])
        if entering.ndim == MAP:
            entering = entering.movedim(-1, 1)

        def enter(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            return (entering, *inputs[1:])

        with self.entry.register_forward_pre_hook(enter):
            found: Tensor = self.tower(_empty(self.tower, 1), self.pool)
        return found

    def facts(self) -> dict[str, Any]:
        """What it depends on, as JSON values."""
        way = frozenset(self.way)
        facts = self.tower.facts(lambda weight: _owner(weight, way) in self.before)
        return {**facts, "encoder": f"{self.tower.name} up to {self.stage}"}

    def modules(self) -> Iterator[nn.Module]:
        return (self.tower.visual.get_submodule(name) for name in self.before)

    def fits(self) -> bool:
        """Whether the two halves make of a picture what the tower makes."""
        shades = torch.arange(256, dtype=torch.uint8)
        empty = _empty(self.tower, 2)
        pictures = shades.repeat(empty.numel() // 256 + 1)[: empty.numel()].view_as(empty)
        pictures = pictures.to(empty.device)
        with torch.no_grad(), suppress(RuntimeError):
            whole: Tensor = self.tower(pictures, self.pool)
            found = self.rest(self.held(pictures))
            return found.shape == whole.shape and bool(
                (found - whole).abs().max() <= CLOSE * whole.abs().max()
            )
        return False

    @torch.no_grad()
    def _entered(self, pictures: Tensor) -> Tensor:
        """What enters the stage; of maps (B, C, r, c) the channels last."""

        def stop(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            raise _Reached(inputs[0])

        with self.entry.register_forward_pre_hook(stop):
            try:
                self.tower(pictures, self.pool)
            except _Reached as reached:
                found = reached.entering
                return found.movedim(1, -1) if found.ndim == MAP else found
        raise AssertionError(f"{self.stage} is not part of the way")


def trunk(tower: Tower, pool: Pool) -> Trunk | None:
    """What comes before the first stage that learns; None where that is less than a stage, or where
    the tower cannot be cut there."""
    ran = _way(tower, pool)
    place = {name: at for at, name in reversed(list(enumerate(ran)))}
    names = [name for name, weight in tower.visual.named_parameters() if weight.requires_grad]
    first = min((place[_owner(name, place)] for name in names), default=len(ran))
    frozen = [name for name in stages(tower.visual) if 0 < place.get(name, -1) <= first]
    if len(frozen) < LEAST:
        return None
    stage = max(frozen, key=lambda name: place[name])
    found = Trunk(tower, pool, stage, ran)
    return found if found.fits() else None


def has_batch_norms(modules: Iterable[nn.Module]) -> bool:
    return any(isinstance(module, _BatchNorm) for module in modules)


class _Reached(Exception):
    def __init__(self, entering: Tensor) -> None:
        self.entering = entering


def _way(tower: Tower, pool: Pool) -> list[str]:
    """The modules of the encoder by name, in the order in which a picture reaches them."""
    ran: list[str] = []

    def noting(name: str) -> Callable[..., None]:
        return lambda *_: ran.append(name)

    with ExitStack() as hooks, torch.no_grad():
        for name, module in tower.visual.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(noting(name)))
        tower(_empty(tower, 1), pool)
    return ran


def _owner(parameter: str, way: Container[str]) -> str:
    """The innermost module on the way that a parameter belongs to."""
    name = parameter.rpartition(".")[0]
    while name and name not in way:
        name = name.rpartition(".")[0]
    return name


def _empty(tower: Tower, many: int) -> Tensor:
    """Black pictures (B, S, S, 3)."""
    side, device = tower.look.size, next(tower.parameters()).device
    return torch.zeros(many, side, side, 3, dtype=torch.uint8, device=device)
