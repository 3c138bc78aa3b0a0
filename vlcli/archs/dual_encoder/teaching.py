"""A frozen CLIP whose similarities are learned, too (distillation).

B rows, D its width.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED
from vlcli.spec.problem import UserError
from vlcli.towers.build import Asked, build
from vlcli.towers.text import open_clip as texts

from .batch import DualBatch
from .losses.pairs import Pairs
from .spec import DualSpec

ASKED = Asked(3, "Set distill_weights to a file of the whole model, or remove distill_model.")


class Master:
    """A CLIP of open_clip, told by `distill_model`. It is no part of the model that learns: no
    checkpoint holds it. It sees the pictures of a batch, and its own tokens of the texts."""

    def __init__(self, spec: DualSpec) -> None:
        name, weights = spec.distill_model or "", spec.distill_weights
        path = weights if Path(weights).is_file() else ""
        tag = "" if path else weights
        encoder = f"open_clip:{name}:{tag}" if tag else f"open_clip:{name}"
        side = spec.image_resolution
        self.image = build(encoder, path or PRETRAINED, side, read_file, ASKED, spec.seed).eval()
        self.image.settle("pooled")
        self.text = texts.tower(name, tag, pretrained=not path).requires_grad_(False).eval()
        if path:
            self._read(path)
        assert self.text.scale is not None
        self.scale = self.text.scale

    def _read(self, path: str) -> None:
        """The text side out of a file of the whole model."""
        held = read_file(Path(path))
        own = self.text.text.state_dict()
        lacking = [name for name in (*own, "logit_scale") if name not in held]
        if lacking:
            raise UserError(
                f"{path} lacks {lacking[0]} and {len(lacking) - 1} more weights of "
                f"{self.text.name}, which distill_model names. {ASKED.weights}",
                exit_code=3,
            )
        self.text.text.load_state_dict({name: held[name] for name in own})
        self.text.scale = float(held["logit_scale"])

    @torch.no_grad()
    def pairs(self, batch: DualBatch) -> Pairs:
        """Its features (B, D) of pictures and texts, with its scale."""
        assert batch.pixels is not None
        device = batch.pixels.device
        image: Tensor = self.image.to(device)(batch.pixels, "pooled").flatten(1)
        text: Tensor = self.text.to(device)({"ids": batch.tokens["taught"]})
        scale = torch.tensor(self.scale, device=device).exp()
        return Pairs(image, text, slice(0, len(image)), scale=scale)
