"""Encoders of torchvision: its classification networks, with the preprocessing of their weights."""

from __future__ import annotations

from typing import Any, cast

import torch
from accelerate import init_empty_weights  # type: ignore[import-untyped]
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError

from .positions import resized
from .tower import Look, Pool, Tower, tokens_to_grid

HEADS = ("fc", "heads", "head", "classifier")
ENDS = ("features", "layers", "conv5")  # of networks that pool by a function: the grid comes out
AUXILIARY = ("aux1", "aux2", "AuxLogits")  # further classifiers, of networks in training
WITH_AUXILIARY = ("googlenet", "inception_v3")


class ClassifierTower(Tower):
    """Most of them: the pooled feature is what enters the classifier, the grid what is pooled."""

    def __init__(self, name: str, visual: nn.Module, look: Look) -> None:
        super().__init__(name, visual, look)
        self.head = _head(visual)
        self.settled = False

    def grid(self, pixels: Tensor) -> Tensor:
        names = dict(self.visual.named_children())
        if "avgpool" in names:
            return self._inside(pixels, "avgpool", entering=True)
        end = next((name for name in ENDS if name in names), None)
        if end is None:
            return self._inside(pixels, "classifier", entering=True)
        # densenet's last layer is a norm; all others are past a ReLU
        return torch.relu(self._inside(pixels, end, entering=False))

    def pooled(self, pixels: Tensor) -> Tensor:
        if self.head is None:
            return self.grid(pixels).mean((2, 3))
        if not self.settled:
            return self._inside(pixels, self.head, entering=True)
        found: Tensor = self.visual(pixels)
        return found

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        for name in AUXILIARY:
            if hasattr(visual, name):
                setattr(visual, name, None)
        if hasattr(visual, "aux_logits"):
            visual.aux_logits = False
        if self.head is not None and pool == "pooled":
            self.visual.set_submodule(self.head, nn.Identity())
        else:
            name = next(name for name in HEADS if hasattr(self.visual, name))
            setattr(self.visual, name, nn.Identity())
        self.settled = True

    def _inside(self, pixels: Tensor, name: str, entering: bool) -> Tensor:
        """What enters, or leaves, a module on the way of pictures through the network."""
        seen: list[Tensor] = []
        module = self.visual.get_submodule(name)
        if entering:
            hook = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        else:
            hook = module.register_forward_hook(lambda _, __, output: seen.append(output))
        with hook:
            self.visual(pixels)
        return seen[0]


class TransformerTower(ClassifierTower):
    """Vision transformers: the class token is the pooled feature, the others are the grid."""

    @property
    def side(self) -> int:
        """Rows, and columns, of the grid."""
        visual: Any = self.visual
        return int(self.look.size // visual.patch_size)

    def grid(self, pixels: Tensor) -> Tensor:
        tokens = self._inside(pixels, "encoder", entering=False)
        return tokens_to_grid(tokens[:, 1:], self.side, self.side)

    def resize(self, size: int) -> None:
        visual: Any = self.visual
        old = self.side
        super().resize(size)
        visual.image_size = size
        table = visual.encoder.pos_embedding.data[0]
        table = resized(table, (old, old), (self.side, self.side))
        visual.encoder.pos_embedding = nn.Parameter(table[None])


def names() -> list[str]:
    return models.list_models(module=models)


def tags(name: str) -> list[str]:
    """The pretrained weights of an encoder by name, torchvision's choice first."""
    offered = models.get_model_weights(name)
    return [offered.DEFAULT.name, *(n for n in offered.__members__ if n != offered.DEFAULT.name)]


def build(name: str, tag: str, pretrained: bool) -> Tower:
    chosen = _weights(name, tag, models.get_model_weights(name))
    facts = chosen.transforms()
    side = int(facts.crop_size[0])
    visual = models.get_model(name, weights=chosen) if pretrained else _made(name, side)
    look = Look(side, tuple(facts.mean), tuple(facts.std), facts.interpolation.value)
    kind = TransformerTower if hasattr(visual, "_process_input") else ClassifierTower
    return kind(name, visual, look)


def _made(name: str, side: int) -> nn.Module:
    """A new network, in all else as the published weights have it."""
    more: dict[str, Any] = {}
    if name.startswith("vit_"):
        more = {"image_size": side}
    elif name in WITH_AUXILIARY:
        more = {"transform_input": True, "init_weights": True}
    if torch.get_default_device().type != "meta":
        return cast(nn.Module, models.get_model(name, weights=None, **more))
    with torch.device("cpu"), init_empty_weights():  # RegNets compute their widths by tensors
        made: nn.Module = models.get_model(name, weights=None, **more)
    return made.to("meta")


def _weights(name: str, tag: str, offered: Any) -> Any:
    """The weights that `tag` names, else torchvision's choice; they carry the preprocessing."""
    if tag and tag not in offered.__members__:
        known = ", ".join(offered.__members__)
        raise UserError(f'torchvision has no weights "{tag}" of {name}. It has {known}.')
    return offered[tag] if tag else offered.DEFAULT


def _head(visual: nn.Module) -> str | None:
    """The module that the pooled feature enters; None where the grid enters the classifier, which
    is convolutional."""
    name = next(name for name in HEADS if hasattr(visual, name))
    inside = dict(getattr(visual, name).named_children())
    if any(isinstance(each, nn.Conv2d) for each in inside.values()):
        return None
    pools = any(isinstance(each, nn.Flatten) for each in inside.values())
    return f"{name}.{list(inside)[-1]}" if pools else name
