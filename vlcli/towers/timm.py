"""Encoders of timm: convolutional networks and transformers, its own normalisation and size."""

from __future__ import annotations

from typing import Any

import timm
from torch import Tensor

from .tower import Look, Pool, Tower, tokens_to_grid


class TimmTower(Tower):
    """`forward_features` gives (B, F, r, c), (B, r, c, F) or tokens (B, prefix + r c, F)."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        found: Tensor = visual.forward_features(pixels)
        if found.ndim == 3:
            rows, columns = visual.patch_embed.grid_size
            return tokens_to_grid(found[:, visual.num_prefix_tokens :], rows, columns)
        return found if found.shape[1] == visual.num_features else found.permute(0, 3, 1, 2)

    def pooled(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        found: Tensor = visual.forward_head(visual.forward_features(pixels), pre_logits=True)
        return found

    def resize(self, size: int) -> None:
        """Models of one size (transformers) are told another; the others take any."""
        visual: Any = self.visual
        if size != self.look.size and hasattr(visual, "set_input_size"):
            visual.set_input_size(img_size=size)
        super().resize(size)

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        visual.reset_classifier(0)


def names() -> list[str]:
    return timm.list_models()


def build(name: str, tag: str, pretrained: bool) -> Tower:
    visual: Any = timm.create_model(f"{name}.{tag}" if tag else name, pretrained=pretrained)
    facts = visual.pretrained_cfg
    look = Look(
        int(facts["input_size"][-1]),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts.get("interpolation") or "bicubic",
    )
    return TimmTower(name, visual, look)
