"""Whole state dicts of networks: put in by name and shape, known by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vlcli.spec.problem import UserError


def load_whole(module: nn.Module, weights: Mapping[str, Tensor], source: str, name: str) -> None:
    """Put a whole state dict into the network `name`; UserError where names or shapes do not
    fit."""
    own = module.state_dict()
    lacking, extra = own.keys() - weights.keys(), weights.keys() - own.keys()
    if lacking or extra:
        raise UserError(
            f"The weights {source} are not of {name}: {_some(lacking, 'missing')}, "
            f"{_some(extra, 'unknown')}. Name the encoder that they were trained in."
        )
    for key, value in weights.items():
        if value.shape != own[key].shape:
            raise UserError(
                f"The weights {source} are not of {name}: {key} is {tuple(value.shape)} there "
                f"and {tuple(own[key].shape)} here."
            )
    module.load_state_dict(dict(weights))


def digest(module: nn.Module, counts: Callable[[str], bool] = lambda name: True) -> str:
    """sha256 over all weights whose name counts, with their names."""
    found = hashlib.sha256()
    for name, value in module.state_dict().items():
        if not counts(name):
            continue
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def _some(names: set[str], what: str) -> str:
    if not names:
        return f"none {what}"
    shown = ", ".join(sorted(names)[:2])
    return f"{len(names)} {what} ({shown}{', ...' if len(names) > 2 else ''})"
