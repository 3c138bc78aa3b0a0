"""Encoders of timm: convolutional networks and transformers, its own normalisation and size."""

from __future__ import annotations

from typing import Any

import timm
from torch import Tensor, nn

from .tower import Look, Tower, tokens_to_grid


class TimmTower(Tower):
    """`forward_features` gives (B, F, r, c), (B, r, c, F) or tokens (B, prefix + r c, F)."""

    def grid(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        found: Tensor = model.forward_features(pixels)
        if found.ndim == 3:
            rows, columns = model.patch_embed.grid_size
            return tokens_to_grid(found[:, model.num_prefix_tokens :], rows, columns)
        return found if found.shape[1] == model.num_features else found.permute(0, 3, 1, 2)

    def pooled(self, pixels: Tensor) -> Tensor:
        model: Any = self.model
        found: Tensor = model.forward_head(model.forward_features(pixels), pre_logits=True)
        return found


def names() -> list[str]:
    return timm.list_models()


def build(name: str, tag: str, pretrained: bool, size: int | None) -> Tower:
    model: Any = timm.create_model(f"{name}.{tag}" if tag else name, pretrained=pretrained)
    facts = model.pretrained_cfg
    own = int(facts["input_size"][-1])
    if size not in (None, own):
        _resize(model, size)
    look = Look(
        size or own,
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts.get("interpolation") or "bicubic",
    )
    return TimmTower(name, model, look)


def _resize(model: nn.Module, size: int | None) -> None:
    """Models of one size (transformers) are told another; the others take any."""
    if hasattr(model, "set_input_size"):
        model.set_input_size(img_size=size)  # type: ignore[operator]
