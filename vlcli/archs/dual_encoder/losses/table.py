"""From a loss's name to its class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from vlcli.archs.dual_encoder.objectives import OBJECTIVES

from .pairs import Loss


def loss_of(name: str, width: int, args: Any) -> Loss:
    """The loss that a spec names, for features (or prototype scores) of a width."""
    file, _, kind = OBJECTIVES[name].impl.partition(":")
    made: Loss = getattr(import_module(f"vlcli.archs.dual_encoder.losses.{file}"), kind)(
        width, args
    )
    return made
