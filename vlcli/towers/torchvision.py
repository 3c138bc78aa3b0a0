"""Encoders of torchvision: its classification networks, with the preprocessing of their weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError

from .tower import USAGE, Look, Tower, tokens_to_grid


class PooledTower(Tower):
    """Networks that end in a module `avgpool`: what enters it is the grid."""

    def grid(self, pixels: Tensor) -> Tensor:
        seen: list[Tensor] = []
        with self.model.avgpool.register_forward_pre_hook(  # type: ignore[union-attr]
            lambda _, inputs: seen.append(inputs[0])
        ):
            self.model(pixels)
        return seen[0]

    def pooled(self, pixels: Tensor) -> Tensor:
        return self.grid(pixels).mean((2, 3))


class FeatureTower(Tower):
    """Networks whose `features` give the grid, pooled by a plain mean."""

    def grid(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.model.features(pixels)  # type: ignore[operator]
        return torch.relu(found)  # densenet's last layer is a norm; all others are past a ReLU

    def pooled(self, pixels: Tensor) -> Tensor:
        return self.grid(pixels).mean((2, 3))


class TransformerTower(Tower):
    """Vision transformers: the class token is the pooled feature, the others are the grid."""

    def grid(self, pixels: Tensor) -> Tensor:
        side = self.look.size // int(self.model.patch_size)  # type: ignore[arg-type]
        return tokens_to_grid(self._tokens(pixels)[:, 1:], side, side)

    def pooled(self, pixels: Tensor) -> Tensor:
        return self._tokens(pixels)[:, 0]

    def _tokens(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        patches = model._process_input(pixels)
        first = model.class_token.expand(len(patches), -1, -1)
        found: Tensor = model.encoder(torch.cat([first, patches], 1))
        return found


def names() -> list[str]:
    return models.list_models(module=models)


def build(name: str, tag: str, pretrained: bool, size: int | None) -> Tower:
    offered = models.get_model_weights(name)
    chosen = _weights(name, tag, offered)
    facts = chosen.transforms()
    own = int(facts.crop_size[0])
    more = {"image_size": size} if size and name.startswith("vit_") and not pretrained else {}
    model = models.get_model(name, weights=chosen if pretrained else None, **more)
    look = Look(size or own, tuple(facts.mean), tuple(facts.std), facts.interpolation.value)
    return _kind(name, model)(name, model, look)


def _weights(name: str, tag: str, offered: Any) -> Any:
    """The weights that `tag` names, else torchvision's choice; they carry the preprocessing."""
    if tag and tag not in offered.__members__:
        known = ", ".join(offered.__members__)
        raise UserError(f'torchvision has no weights "{tag}" of {name}. It has {known}.', USAGE)
    return offered[tag] if tag else offered.DEFAULT


def _kind(name: str, model: nn.Module) -> type[Tower]:
    if hasattr(model, "_process_input"):
        return TransformerTower
    if isinstance(getattr(model, "avgpool", None), nn.Module):
        return PooledTower
    if hasattr(model, "features"):
        return FeatureTower
    raise UserError(f"torchvision's {name} has no grid of features. Choose another.", USAGE)
