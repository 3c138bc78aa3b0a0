"""Projection heads: from the width of a tower to the common space, and on to prototypes.

B rows, I width of the tower, D width of the common space, P prototypes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils.parametrizations import weight_norm


class Head(nn.Module):
    """DINO's head (Caron et al. 2021) with `layers` layers, features of length 1, and a last layer
    of prototypes of length 1 where there are any. Of one layer it is linear; of none (prototypes
    alone) D is I."""

    def __init__(
        self,
        width: int,
        joint: int,
        layers: int,
        hidden: int = 2048,
        prototypes: int = 0,
        norm: bool = False,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        super().__init__()
        self.width = joint if layers else width
        self.mlp = _mlp(width, joint, layers, hidden, norm, activation)
        self.last_layer: Any = nn.Identity()
        if prototypes:
            last = weight_norm(nn.Linear(self.width, prototypes, bias=False))
            last.parametrizations.weight.original0.data.fill_(1)
            self.last_layer = last
        self.freeze_lengths()

    def forward(self, rows: Tensor) -> Tensor:
        """(B, I) -> (B, D), or (B, P)."""
        found: Tensor = self.last_layer(self.embed(rows))
        return found

    def embed(self, rows: Tensor) -> Tensor:
        """(B, I) -> (B, D), of length 1."""
        return normalize(self.mlp(rows), dim=-1)

    def freeze_lengths(self) -> None:
        """Prototypes keep the length 1."""
        if not isinstance(self.last_layer, nn.Identity):
            self.last_layer.parametrizations.weight.original0.requires_grad_(False)

    @torch.no_grad()
    def follow(self, other: Head) -> None:
        """Take over the prototypes of another head."""
        mine, theirs = self.last_layer.parametrizations, other.last_layer.parametrizations
        mine.weight.original1.copy_(theirs.weight.original1)


def _mlp(
    width: int, joint: int, layers: int, hidden: int, norm: bool, activation: type[nn.Module]
) -> nn.Module:
    if layers == 0:
        return nn.Identity()
    if layers == 1:
        return _begun(nn.Linear(width, joint))
    found: list[nn.Module] = []
    for number in range(layers - 1):
        found.append(nn.Linear(hidden if number else width, hidden))
        found += [nn.BatchNorm1d(hidden)] if norm else []
        found.append(activation())
    return _begun(nn.Sequential(*found, nn.Linear(hidden, joint)))


def _begun(mlp: nn.Module) -> nn.Module:
    for module in mlp.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    return mlp
