"""Adapters inside image towers: beside convolutions, and in transformers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.peft.visual import Beside, ConvBottleneck, TokenAdapter, VisualAdapter, attach
from vlcli.towers.build import build
from vlcli.towers.tower import Tower

SIDE = 64
PICTURES = torch.arange(2 * SIDE * SIDE * 3).reshape(2, SIDE, SIDE, 3).remainder(251)
RESNET, VIT, CLIP = "torchvision:resnet50", "timm:test_vit", "open_clip:ViT-S-32"


def tower(encoder: str, **arguments: Any) -> Tower:
    """An encoder with adapters, in evaluation mode."""
    made = build(encoder, "random", SIDE)
    torch.manual_seed(0)
    assert attach(made.visual, VLSpec(**arguments))
    return made.eval()


def adapters(made: nn.Module) -> dict[str, VisualAdapter]:
    found = dict(made.named_modules()).items()
    return {name: each for name, each in found if isinstance(each, VisualAdapter)}


@pytest.mark.parametrize("place", ["front", "middle", "back", "transition"])
@pytest.mark.parametrize("kind", ["bottleneck", "basic"])
def test_every_block_of_a_resnet_gets_an_adapter_that_changes_its_grid(
    place: str, kind: str
) -> None:
    plain = build(RESNET, "random", SIDE).features(PICTURES, "grid")
    made = tower(RESNET, vis_adapter_type=f"{place}-{kind}")
    found = adapters(made)
    assert len(found) == 3 + 4 + 6 + 3
    assert all(name.endswith(f"{place}_adapter") for name in found)
    assert not torch.allclose(made.features(PICTURES, "grid"), plain)
    for each in found.values():
        for parameter in each.parameters():
            nn.init.zeros_(parameter)  # the norms' scale too: nothing is added
    assert torch.allclose(made.features(PICTURES, "grid"), plain, atol=1e-5)


def test_a_strided_convolution_has_a_strided_adapter() -> None:
    """torchvision's ResNets shrink pictures in conv2, CLIP's between convolutions."""
    made = tower(RESNET, vis_adapter_type="middle-bottleneck")
    strides = {name: each.down_sampler.stride for name, each in adapters(made).items()}
    assert strides["visual.layer2.0.middle_adapter"] == (2, 2)
    assert strides["visual.layer2.1.middle_adapter"] == (1, 1)


class Block(nn.Module):
    """One convolution with a norm behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6).eval()
        self.bn.running_mean += 0.3
        self.bn.running_var *= 2

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


@pytest.mark.parametrize("normed", [True, False])
def test_what_is_added_is_added_behind_the_norm_or_in_front_of_it(normed: bool) -> None:
    block, adapter = Block(), ConvBottleneck((4, 6), 1, 2, normed).eval()
    beside, x = Beside(adapter), torch.randn(2, 4, 3, 3)
    if normed:
        block.conv.register_forward_hook(beside.read)
        block.bn.register_forward_hook(beside.add)
    else:
        block.conv.register_forward_hook(beside)
    plain = Block()
    plain.load_state_dict(block.state_dict())
    z, added = plain.conv(x), adapter(x)
    expected = plain.bn(z) + added if normed else plain.bn(z + added)
    assert torch.allclose(block(x), functional.relu(expected))
    assert beside.added is None


def test_norms_are_left_out_of_every_block_or_as_published_of_the_first_of_a_stage() -> None:
    removed = adapters(tower(RESNET, remove_bn_vis_adapter=True))
    legacy = adapters(tower(RESNET, remove_bn_vis_adapter=True, legacy_vis_adapter_bn=True))
    kept = [name for name, each in removed.items() if isinstance(each.bn1, nn.BatchNorm2d)]
    assert kept == []
    kept = [name for name, each in legacy.items() if isinstance(each.bn1, nn.BatchNorm2d)]
    assert kept == [name for name in legacy if ".0.middle" not in name]


@pytest.mark.parametrize("encoder", [VIT, CLIP, "torchvision:vit_b_32"])
@pytest.mark.parametrize("places", ["front/back", "middle", "transition"])
def test_adapters_of_a_transformer_change_nothing_until_they_learn(
    encoder: str, places: str
) -> None:
    plain = build(encoder, "random", SIDE).features(PICTURES, "grid")
    made = tower(encoder, vis_adapter_type=f"{places}-bottleneck")
    found = adapters(made)
    assert len(found) % len(places.split("/")) == 0
    assert len(found) > 0
    assert torch.allclose(made.features(PICTURES, "grid"), plain, atol=1e-6)
    for each in found.values():
        nn.init.normal_(each.up_sampler.weight)
    assert not torch.allclose(made.features(PICTURES, "grid"), plain, atol=1e-2)


def test_the_reduction_factor_and_the_kind_say_how_wide_an_adapter_is() -> None:
    (first, *_) = adapters(tower(VIT, vis_reduction_factor=4)).values()
    assert isinstance(first, TokenAdapter)
    assert first.down_sampler is not None
    assert first.down_sampler.weight.shape == (16, 64)
    (first, *_) = adapters(tower(VIT, vis_adapter_type="middle-basic")).values()
    assert first.down_sampler is None
    assert first.up_sampler.weight.shape == (64, 64)


def test_a_copy_of_a_tower_has_adapters_of_its_own() -> None:
    made = tower(RESNET)
    other = copy.deepcopy(made)
    before = made.features(PICTURES, "grid")
    for each in adapters(other).values():
        nn.init.zeros_(each.bn2.weight)
    assert made.features(PICTURES, "grid").equal(before)
    assert not torch.allclose(other.features(PICTURES, "grid"), before)


def test_a_tower_without_places_has_no_blocks() -> None:
    for encoder in ("torchvision:resnet18", "timm:test_efficientnet", "torchvision:vgg11"):
        assert attach(build(encoder, "random", SIDE).visual, VLSpec()) == 0
