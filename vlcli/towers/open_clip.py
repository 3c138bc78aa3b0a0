"""Image encoders of open_clip: a grid before the projection into the space of texts, a pooled
feature behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn

from vlcli.spec.problem import UserError

from .positions import resized
from .timm import grid_of
from .tower import Look, Pool, Tower, tokens_to_grid

RESNET_CELL = 32  # pixels along a cell of the attention pool's grid


class ClipTower(Tower):
    def load(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Of a whole CLIP, its image tower."""
        mine = {n.removeprefix(IMAGES): w for n, w in weights.items() if n.startswith(IMAGES)}
        super().load(mine or weights, source)


IMAGES = "visual."


class ResNetTower(ClipTower):
    """CLIP's ResNets: the last stage is the grid, attention pools it."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        found = visual.stem(pixels)
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            found = stage(found)
        return found

    def pooled(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        found: Tensor = visual(pixels)
        return found

    def resize(self, size: int) -> None:
        visual: Any = self.visual
        old, new = self.look.size // RESNET_CELL, size // RESNET_CELL
        table = resized(visual.attnpool.positional_embedding.data, (old, old), (new, new))
        visual.attnpool.positional_embedding = nn.Parameter(table)
        visual.image_size = size
        super().resize(size)

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        if pool == "grid":
            visual.attnpool = None


class TransformerTower(ClipTower):
    """CLIP's vision transformers: their tokens are the grid; the pooled feature is projected."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        if visual.attn_pool is not None:  # CoCa's pool has tokens of its own
            tokens = visual.transformer(visual._embeds(pixels))[:, 1:]
        else:
            visual.output_tokens = True
            _, tokens = visual(pixels)
        return tokens_to_grid(tokens, *visual.grid_size)

    def pooled(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        visual.output_tokens = False
        found: Tensor = visual(pixels)
        return found

    def resize(self, size: int) -> None:
        visual: Any = self.visual
        new = (size // visual.patch_size[0], size // visual.patch_size[1])
        table = resized(visual.positional_embedding.data, visual.grid_size, new)
        visual.positional_embedding = nn.Parameter(table)
        visual.image_size, visual.grid_size = (size, size), new
        super().resize(size)

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        if pool == "grid":
            visual.proj = None


class TimmTower(ClipTower):
    """CLIPs whose image tower is timm's, with a head behind it."""

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        return grid_of(visual.trunk, pixels)

    def pooled(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.visual(pixels)
        return found

    def resize(self, size: int) -> None:
        visual: Any = self.visual
        if size != self.look.size and hasattr(visual.trunk, "set_input_size"):
            visual.trunk.set_input_size(img_size=size)
        visual.image_size = (size, size)
        super().resize(size)

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        if pool == "grid":
            visual.head = nn.Identity()


def names() -> list[str]:
    return open_clip.list_models()


def tags(name: str) -> list[str]:
    """The pretrained weights of an architecture by name, open_clip's first."""
    found: list[str] = open_clip.list_pretrained_tags_by_model(name)
    return found


# In place of a text tower, where only the image tower is wanted and no weights are loaded.
NO_TEXTS = {"context_length": 2, "vocab_size": 2, "width": 64, "heads": 1, "layers": 1}


def build(name: str, tag: str, pretrained: bool) -> Tower:
    offered = tags(name)
    if tag and tag not in offered:
        known = ", ".join(offered) or "none"
        raise UserError(f'open_clip has no weights "{tag}" of {name}. It has {known}.')
    if pretrained and not offered:
        raise UserError(f"open_clip has no pretrained weights of {name}. Name a file of them.")
    chosen = tag or (offered[0] if offered else "")
    facts = open_clip.get_pretrained_cfg(name, chosen)
    visual: Any = open_clip.create_model(
        name,
        pretrained=chosen if pretrained else None,
        pretrained_text=False,
        # Which GELU it is belongs to the weights; whoever loads them later has them in this place.
        force_quick_gelu=bool(facts.get("quick_gelu")),
        device=torch.get_default_device(),
        **({} if pretrained else {"text_cfg": NO_TEXTS}),
    ).visual
    facts = {**visual.preprocess_cfg, **facts}
    side = visual.image_size
    look = Look(
        int(side[0] if isinstance(side, tuple) else side),
        tuple(facts["mean"]),
        tuple(facts["std"]),
        facts.get("interpolation", "bicubic"),
    )
    if hasattr(visual, "trunk"):
        return TimmTower(name, visual, look)
    kind = ResNetTower if hasattr(visual, "attnpool") else TransformerTower
    return kind(name, visual, look)
