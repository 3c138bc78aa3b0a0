"""Image encoders of open_clip: features before the projection into the space of texts."""

from __future__ import annotations

from typing import Any

import open_clip  # type: ignore[import-untyped]
from torch import Tensor

from vlcli.spec.problem import UserError

from .tower import USAGE, Look, Tower, tokens_to_grid


class ResNetTower(Tower):
    """CLIP's ResNets: the last stage is the grid, attention pools it."""

    def grid(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        found = model.stem(pixels)
        for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
            found = stage(found)
        return found

    def pooled(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.model(pixels)
        return found


class TransformerTower(Tower):
    """CLIP's vision transformers: their tokens are the grid; the pooled feature is projected."""

    def grid(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        model.output_tokens = True
        _, tokens = model(pixels)
        return tokens_to_grid(tokens, *model.grid_size)

    def pooled(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        model.output_tokens = False
        found: Tensor = model(pixels)
        return found


def names() -> list[str]:
    return open_clip.list_models()


def build(name: str, tag: str, pretrained: bool, size: int | None) -> Tower:
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag and tag not in tags:
        known = ", ".join(tags) or "none"
        raise UserError(f'open_clip has no weights "{tag}" of {name}. It has {known}.', USAGE)
    chosen = (tag or (tags[0] if tags else "")) if pretrained else None
    if chosen == "":
        raise UserError(f"open_clip has no pretrained weights of {name}. Give --weights.", USAGE)
    more = {"force_image_size": size} if size else {}
    model: Any = open_clip.create_model(name, pretrained=chosen, **more).visual
    side = model.image_size
    look = Look(
        int(side[0] if isinstance(side, tuple) else side),
        tuple(model.preprocess_cfg["mean"]),
        tuple(model.preprocess_cfg["std"]),
        model.preprocess_cfg.get("interpolation", "bicubic"),
    )
    if hasattr(model, "attnpool"):
        return ResNetTower(name, model, look)
    if hasattr(model, "grid_size") and hasattr(model, "output_tokens"):
        return TransformerTower(name, model, look)
    raise UserError(f"open_clip's {name} has no grid that is known here. Take it by timm.", USAGE)
