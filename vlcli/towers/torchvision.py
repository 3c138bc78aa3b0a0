"""Encoders of torchvision: its classification networks, with the preprocessing of their weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError

from .positions import resized
from .tower import Look, Pool, Tower, tokens_to_grid

HEADS = ("fc", "classifier", "heads", "head")


class ClassifierTower(Tower):
    """All of them: what follows the pooled feature is a classifier."""

    def pooled(self, pixels: Tensor) -> Tensor:
        return self.grid(pixels).mean((2, 3))

    def settle(self, pool: Pool) -> None:
        for name in HEADS:
            if hasattr(self.visual, name):
                setattr(self.visual, name, nn.Identity())


class PooledTower(ClassifierTower):
    """Networks that end in a module `avgpool`: what enters it is the grid."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        seen: list[Tensor] = []
        with visual.avgpool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
            visual(pixels)
        return seen[0]


class FeatureTower(ClassifierTower):
    """Networks whose `features` give the grid, pooled by a plain mean."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        found: Tensor = visual.features(pixels)
        return torch.relu(found)  # densenet's last layer is a norm; all others are past a ReLU


class TransformerTower(ClassifierTower):
    """Vision transformers: the class token is the pooled feature, the others are the grid."""

    @property
    def side(self) -> int:
        """Rows, and columns, of the grid."""
        visual: Any = self.visual
        return int(self.look.size // visual.patch_size)

    def grid(self, pixels: Tensor) -> Tensor:
        return tokens_to_grid(self._tokens(pixels)[:, 1:], self.side, self.side)

    def pooled(self, pixels: Tensor) -> Tensor:
        return self._tokens(pixels)[:, 0]

    def resize(self, size: int) -> None:
        visual: Any = self.visual
        old = self.side
        super().resize(size)
        visual.image_size = size
        table = visual.encoder.pos_embedding.data[0]
        table = resized(table, (old, old), (self.side, self.side))
        visual.encoder.pos_embedding = nn.Parameter(table[None])

    def _tokens(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        patches = visual._process_input(pixels)
        first = visual.class_token.expand(len(patches), -1, -1)
        found: Tensor = visual.encoder(torch.cat([first, patches], 1))
        return found


def names() -> list[str]:
    return models.list_models(module=models)


def build(name: str, tag: str, pretrained: bool) -> Tower:
    chosen = _weights(name, tag, models.get_model_weights(name))
    facts = chosen.transforms()
    visual = models.get_model(name, weights=chosen if pretrained else None)
    look = Look(
        int(facts.crop_size[0]), tuple(facts.mean), tuple(facts.std), facts.interpolation.value
    )
    return _kind(name, visual)(name, visual, look)


def _weights(name: str, tag: str, offered: Any) -> Any:
    """The weights that `tag` names, else torchvision's choice; they carry the preprocessing."""
    if tag and tag not in offered.__members__:
        known = ", ".join(offered.__members__)
        raise UserError(f'torchvision has no weights "{tag}" of {name}. It has {known}.')
    return offered[tag] if tag else offered.DEFAULT


def _kind(name: str, visual: nn.Module) -> type[Tower]:
    if hasattr(visual, "_process_input"):
        return TransformerTower
    if isinstance(getattr(visual, "avgpool", None), nn.Module):
        return PooledTower
    if hasattr(visual, "features"):
        return FeatureTower
    raise UserError(f"torchvision's {name} has no grid of features. Choose another.")
