"""Encoders of timm: convolutional networks and transformers, its own normalisation and size."""

from __future__ import annotations

from functools import cache
from typing import Any

import timm
from torch import Tensor

from vlcli.spec.problem import UserError

from .tower import USAGE, Look, Pool, Tower, tokens_to_grid


class TimmTower(Tower):
    """Its heads pool."""

    def grid(self, pixels: Tensor) -> Tensor:
        return grid_of(self.visual, pixels)

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


def grid_of(model: Any, pixels: Tensor) -> Tensor:
    """(B, F, r, c); `forward_features` gives that, (B, r, c, F) or tokens (B, prefix + r c, F)."""
    found: Tensor = model.forward_features(pixels)
    if found.ndim == 3:
        rows, columns = model.patch_embed.grid_size
        return tokens_to_grid(found[:, getattr(model, "num_prefix_tokens", 0) :], rows, columns)
    return found if found.shape[1] == model.num_features else found.permute(0, 3, 1, 2)


def names() -> list[str]:
    return timm.list_models()


def tags(name: str) -> list[str]:
    """The pretrained weights of a model by name, timm's choice first."""
    own = timm.get_pretrained_cfg(name)
    first = own.tag if own is not None else ""
    return sorted(_pretrained().get(name, ()), key=lambda tag: tag != first)


@cache
def _pretrained() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in timm.list_pretrained():
        name, _, tag = each.partition(".")
        found.setdefault(name, []).append(tag)
    return found


def build(name: str, tag: str, pretrained: bool) -> Tower:
    try:
        visual: Any = timm.create_model(f"{name}.{tag}" if tag else name, pretrained=pretrained)
    except RuntimeError as error:
        if "Invalid pretrained tag" not in str(error):
            raise
        held = ", ".join(tags(name)) or "none"
        raise UserError(f'timm has no weights "{tag}" of {name}. It has: {held}.', USAGE) from error
    facts = visual.pretrained_cfg
    look = Look(
        int(facts["input_size"][-1]),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts.get("interpolation") or "bicubic",
    )
    return TimmTower(name, visual, look)
