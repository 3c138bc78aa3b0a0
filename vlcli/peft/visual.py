"""Adapters inside an image tower: beside the convolutions of a ResNet (Sung et al. 2022), beside or
behind the layers of a transformer (Chen et al. 2022).

C channels in, K channels out, D token width, r what is between, f the reduction factor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.freezing import Tuned
from vlcli.peft.sites import Behind
from vlcli.spec.groups.visual_encoder import VisualEncoderArgs

CONVOLUTIONS = {"front": ("conv1", "bn1"), "middle": ("conv2", "bn2"), "back": ("conv3", "bn3")}


class VisualAdapter(Tuned):
    method = "vis_adapter"


class ConvBottleneck(VisualAdapter):
    """1 x 1 convolutions C -> r -> K with r = C // f, a ReLU between, batch norms behind each."""

    def __init__(self, shape: tuple[int, int], stride: Any, factor: int, normed: bool) -> None:
        super().__init__()
        wide, out = shape
        narrow = max(wide // factor, 1)
        self.down_sampler = nn.Conv2d(wide, narrow, 1, stride, bias=False)
        self.up_sampler = nn.Conv2d(narrow, out, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(narrow) if normed else nn.Identity()
        self.bn2 = nn.BatchNorm2d(out) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.bn2(self.up_sampler(functional.relu(self.bn1(self.down_sampler(x)))))
        return added


class ConvBasic(VisualAdapter):
    """One 1 x 1 convolution C -> K, a batch norm behind it."""

    def __init__(self, shape: tuple[int, int], stride: Any, normed: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(*shape, 1, stride, bias=False)
        self.bn = nn.BatchNorm2d(shape[1]) if normed else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.bn(self.conv(x))
        return added


class TokenAdapter(VisualAdapter):
    """(..., D) -> (..., D): D -> r -> D with a ReLU between (`factor` f), or D -> D; 0 at first."""

    def __init__(self, width: int, factor: int | None) -> None:
        super().__init__()
        narrow = width if factor is None else max(width // factor, 1)
        self.down_sampler = None if factor is None else nn.Linear(width, narrow)
        self.up_sampler = nn.Linear(narrow, width)
        nn.init.zeros_(self.up_sampler.weight)
        nn.init.zeros_(self.up_sampler.bias)

    def forward(self, x: Tensor) -> Tensor:
        z = x if self.down_sampler is None else functional.relu(self.down_sampler(x))
        added: Tensor = self.up_sampler(z)
        return added


class Beside:
    """Forward hooks by which an adapter reads what a module reads, and adds to what comes out of
    it, or of the norm behind it."""

    def __init__(self, adapter: nn.Module) -> None:
        self.adapter = adapter
        self.added: Tensor | None = None

    def __call__(self, module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        added: Tensor = output + self.adapter(inputs[0])
        return added

    def read(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.added = self.adapter(inputs[0])

    def add(self, norm: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        added, self.added = self.added, None
        assert added is not None
        return output + added


class Residual:
    """What goes through an adapter, added to itself."""

    def __init__(self, adapter: nn.Module, rectified: bool = False) -> None:
        self.adapter, self.rectified = adapter, rectified

    def __call__(self, x: Tensor) -> Tensor:
        whole: Tensor = x + self.adapter(x)
        return functional.relu(whole) if self.rectified else whole


def attach(visual: nn.Module, args: VisualEncoderArgs) -> int:
    """Put adapters into every block of an encoder that has places for them; how many blocks."""
    found = list(blocks(visual))
    for name, block in found:
        if is_convolutional(block):
            # As published, the first block of a stage alone is told to leave norms out.
            kept = args.legacy_vis_adapter_bn and not name.endswith(".0")
            _into_convolutions(block, args, normed=kept or not args.remove_bn_vis_adapter)
        else:
            _into_transformer(block, args)
    return len(found)


def blocks(visual: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The blocks that have places for adapters, by name; the encoder itself, whose stem may look
    like one, is none."""
    for name, module in visual.named_modules():
        if name and (is_convolutional(module) or _attention(module) is not None):
            yield name, module


def is_convolutional(block: nn.Module) -> bool:
    """Whether it is a ResNet's bottleneck: three convolutions with a plain norm behind each."""
    parts = [(getattr(block, c, None), getattr(block, n, None)) for c, n in CONVOLUTIONS.values()]
    return all(
        isinstance(conv, nn.Conv2d) and isinstance(norm, nn.Module) and not hasattr(norm, "act")
        for conv, norm in parts
    )


def _attention(block: nn.Module) -> nn.Module | None:
    """The attention of a transformer's block; None for other modules."""
    found = getattr(block, "attn", None) or getattr(block, "self_attention", None)
    mlp = getattr(block, "mlp", None)
    return found if isinstance(found, nn.Module) and isinstance(mlp, nn.Module) else None


def _places(args: VisualEncoderArgs) -> tuple[list[str], bool]:
    """The places of adapters, and whether they are bottlenecks."""
    places, _, kind = args.vis_adapter_type.partition("-")
    return list(dict.fromkeys(places.split("/"))), kind == "bottleneck"


def _into_convolutions(block: nn.Module, args: VisualEncoderArgs, normed: bool) -> None:
    """front, middle and back stand beside the three convolutions and are added behind their norm,
    or in front of it where they have none; transition follows the block, with a ReLU."""
    places, bottleneck = _places(args)

    def adapter(place: str, shape: tuple[int, int], stride: Any = 1) -> VisualAdapter:
        made: VisualAdapter = (
            ConvBottleneck(shape, stride, args.vis_reduction_factor, normed)
            if bottleneck
            else ConvBasic(shape, stride, normed)
        )
        block.add_module(f"{place}_adapter", made)
        return made

    for place, (conv_name, norm_name) in CONVOLUTIONS.items():
        if place not in places:
            continue
        conv: Any = getattr(block, conv_name)
        beside = Beside(adapter(place, (conv.in_channels, conv.out_channels), conv.stride))
        if normed:
            conv.register_forward_hook(beside.read)
            getattr(block, norm_name).register_forward_hook(beside.add)
        else:
            conv.register_forward_hook(beside)
    if "transition" in places:
        wide: int = block.conv3.out_channels  # type: ignore[union-attr, assignment]
        rectified = Residual(adapter("transition", (wide, wide)), rectified=True)
        block.register_forward_hook(Behind(rectified))


def _into_transformer(block: nn.Module, args: VisualEncoderArgs) -> None:
    """front follows the attention, middle stands beside the feed-forward layer, back follows it,
    transition follows the block."""
    places, bottleneck = _places(args)
    attention, mlp = _attention(block), block.get_submodule("mlp")
    assert attention is not None
    linear = next(module for module in mlp.modules() if isinstance(module, nn.Linear))
    for place in places:
        factor = args.vis_reduction_factor if bottleneck else None
        adapter = TokenAdapter(linear.in_features, factor)
        block.add_module(f"{place}_adapter", adapter)
        if place == "middle":
            mlp.register_forward_hook(Beside(adapter))
        else:
            spot = {"front": attention, "back": mlp, "transition": block}[place]
            spot.register_forward_hook(Behind(Residual(adapter)))
