"""The two sides as the model holds them: a tower, or stored features, and a head.

B rows, W width of the tower, D width of the common space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from vlcli.contracts import Lasting
from vlcli.peft.freezing import in_adapter, of_library
from vlcli.peft.injected import inject
from vlcli.peft.library import put_into
from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED, RANDOM
from vlcli.spec.library import Configuration, read_for_encoder
from vlcli.spec.problem import UserError
from vlcli.towers.build import Asked, build
from vlcli.towers.text import huggingface, sbert
from vlcli.towers.text import open_clip as open_clip_text
from vlcli.towers.text.tower import TextTower
from vlcli.towers.tower import Tower

from .batch import KEPT
from .freezing import keywords, trains
from .heads import Head
from .spec import DualSpec

MADE = 2  # axes of features
PROMPTS = ("prompt.vectors",)
ASKED = Asked(3, "Set image_weights to a file or package that holds them, or begin at random.")


class ImageTower(nn.Module):
    """A tower by name that pools its pictures, bytes (B, H, W, 3), to (B, W); what it made of them
    before passes through. `seen` says whether another model sees the pictures, too."""

    placed = False

    def __init__(self, tower: Tower, seen: bool = False) -> None:
        super().__init__()
        self.tower, self.seen = tower, seen
        _, _, self.width = tower.shape("pooled")

    def forward(self, pixels: Tensor) -> Tensor:
        if pixels.ndim == MADE:
            return pixels
        found: Tensor = self.tower(pixels, "pooled")
        return found.flatten(1)

    def lasting(self) -> Lasting | str:
        """The features of a tower that trains in no part."""
        if any(each.requires_grad for each in self.parameters()):
            return "the image tower trains"
        if self.seen:
            return "distill_model sees the pictures"
        facts = {**self.tower.facts(), "pool": "pooled"}
        return Lasting(facts, 1, self.width, (1, 1), lambda pixels: self(pixels)[:, None])


class StoredImages(nn.Module):
    """Features (B, W) that were stored: of a tower that is frozen, elsewhere."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, features: Tensor) -> Tensor:
        return features


class Side(nn.Module):
    """A tower with its head, or without one. A tower that trains in no part computes without
    gradients, in eval mode."""

    head: Head | None

    def __init__(self, tower: nn.Module, head: Head | None) -> None:
        super().__init__()
        self.tower = tower
        self.head = head
        self.fixed = self.settled = False

    def lock(self, locked: bool, partial: str, settled: bool = False) -> None:
        """Let train what the keywords say of the tower, and its head. Learned prompts train in any
        case; beside an adapter, the tower is locked. Batch norms of a `settled` one keep their
        statistics."""
        words = keywords(partial)
        adapted = any(of_library(name) for name, _ in self.tower.named_parameters())
        for name, parameter in self.tower.named_parameters():
            free = trains(name, locked or adapted, words) and not in_adapter(name)
            parameter.requires_grad_(free or of_library(name) or name in PROMPTS)
        self.fixed = not any(each.requires_grad for each in self.tower.parameters())
        self.settled = settled or adapted
        self.train(self.training)

    def hold_still(self) -> None:
        """Let nothing of it train, the head neither."""
        self.requires_grad_(False)
        self.fixed = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Side:
        """Batch norms beside an adapter keep their statistics."""
        super().train(mode)
        if self.fixed:
            self.tower.eval()
        for norm in self.batch_norms() if self.settled else ():
            norm.eval()
        return self

    def batch_norms(self) -> list[nn.Module]:
        """Those of the tower."""
        return [each for each in self.tower.modules() if isinstance(each, _BatchNorm)]

    def plain(self, seen: Any) -> Tensor:
        """(B, W): what the tower alone makes of its input, or made of it before training."""
        if isinstance(seen, Mapping) and KEPT in seen:
            kept: Tensor = seen[KEPT]
            return kept
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.fixed):
            found: Tensor = self.tower(seen)
        return found

    def forward(self, seen: Any, many: int = 0) -> Tensor:
        """(B, D), or (B, P) scores of prototypes; with the activations of `many` rows at a time
        where that is above 0, the others computed again in the backward pass (Gao et al. 2021)."""
        if not many or not torch.is_grad_enabled() or self.fixed:
            plain = self.plain(seen)
        else:
            parts = [checkpoint(self.plain, each, use_reentrant=False) for each in _cut(seen, many)]
            plain = torch.cat(parts)
        return plain if self.head is None else self.head(plain)


def _cut(seen: Any, many: int) -> list[Any]:
    """Rows, or tokens by name, in parts of so many rows."""
    if isinstance(seen, Tensor):
        return list(seen.split(many))
    columns = {name: value.split(many) for name, value in seen.items()}
    return [dict(zip(columns, parts, strict=True)) for parts in zip(*columns.values(), strict=True)]


def image_tower(spec: DualSpec, width: int) -> nn.Module:
    """The image tower of a spec, or its stored features of a width."""
    if spec.image_model_builder == "stored":
        return StoredImages(width)
    weights = spec.image_weights or (PRETRAINED if spec.pretrained_image_model else RANDOM)
    tower = build(spec.encoder, weights, spec.image_resolution, read_file, ASKED, spec.seed)
    tower.settle("pooled")
    if spec.image_adapter is not None:
        adapt(tower.visual, spec.image_adapter)
    return ImageTower(tower.requires_grad_(True), spec.distill_model is not None)


def adapt(model: Any, text: str) -> Configuration:
    """Put an adapter into an encoder: of peft, or of the adapters library into a model of
    transformers. What it is."""
    asked = read_for_encoder(text)
    if asked.has("peft"):
        inject(model, text)
    else:
        put_into(model, text, encoder=True)
    return asked


def text_tower(spec: DualSpec, tokenize: Any) -> TextTower:
    """The text tower of a spec, for the tokens of its tokenizer."""
    pretrained = spec.pretrained_text_model
    if spec.text_model_builder == "open_clip":
        tag, prompt = spec.text_model_tag, spec.n_prompt
        read = open_clip_text.tower(spec.text_model, tag, pretrained, prompt, spec.tokenizer)
        return _tuned(read, spec.adapter)
    if spec.text_model_builder == "sbert":
        model = sbert.model(spec.text_model, pretrained, spec.dropout)
        return _tuned(sbert.tower(spec.text_model, model), spec.adapter)
    own = None if spec.tokenizer is None else tokenize.tokenizer
    model = huggingface.model(spec.text_model, pretrained, own, spec.dropout)
    asked = None
    if spec.adapter is not None:
        if hasattr(model, "decoder"):
            raise UserError(
                f"{spec.text_model} has an encoder and a decoder, and the adapters library takes "
                "both or none. Choose a model of one stack, or a T5.",
                exit_code=3,
            )
        asked = adapt(model, spec.adapter)
    return huggingface.tower(spec.text_model, model, spec.text_pooler, prompt_of(asked))


def _tuned(tower: TextTower, adapter: str | None) -> TextTower:
    if adapter is not None:
        adapt(tower, adapter)
    return tower


def prompt_of(asked: Configuration | None) -> tuple[int, int] | None:
    """The places of the tokens that prompt_tuning puts among those of a text: from, to."""
    for part in asked.parts if asked else ():
        if part.family == "prompt":
            first = 1 if part.settings["combine"] == "prefix_after_bos" else 0
            return first, first + part.settings["prompt_length"]
    return None
