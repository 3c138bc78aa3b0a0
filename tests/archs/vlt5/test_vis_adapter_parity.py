"""Visual adapters in a CLIP ResNet give the numbers of the published code."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import torch
from open_clip.modified_resnet import ModifiedResNet  # type: ignore[import-untyped]
from safetensors.torch import load_file
from torch import Tensor
from torch.testing import assert_close

from tests.archs.vlt5.recorded import FOLDER, needs_recordings
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.peft import visual

pytestmark = needs_recordings
CASES = sorted(path.stem for path in FOLDER.glob("vis_resnet_*.json"))
PLAIN = "vis_resnet_none_bn"
POSITIONS = "attnpool.positional_embedding"


def tensors_of(case: str) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """What a case says, its weights, and its image and outputs."""
    facts = json.loads((FOLDER / f"{case}.json").read_text())
    tensors = load_file(FOLDER / f"{case}.safetensors")
    weights = {n.removeprefix("w."): v for n, v in tensors.items() if n.startswith("w.")}
    weights[POSITIONS] = weights[POSITIONS].squeeze(0)  # recorded with an axis of 1 in front
    return facts, weights, tensors


def plain(weights: dict[str, Tensor], size: int, heads: int) -> ModifiedResNet:
    """The stock network of these weights, without adapters."""
    stages = [{n.split(".")[1] for n in weights if n.startswith(f"layer{s}.")} for s in range(1, 5)]
    out, width = weights["attnpool.c_proj.weight"].shape
    return ModifiedResNet(
        layers=[len(stage) for stage in stages],
        output_dim=out,
        heads=heads,
        image_size=size,
        width=width // 32,
    )


@cache
def heads() -> int:
    """Of the attention pool: recorded nowhere, but the stock network gives the numbers of the case
    without adapters with the right one alone."""
    _, weights, tensors = tensors_of(PLAIN)
    image, width = tensors["in.image"], weights["attnpool.c_proj.weight"].shape[1]
    for many in (each for each in range(1, width + 1) if width % each == 0):
        network = plain(weights, image.shape[-1], many)
        network.load_state_dict(weights)
        with torch.no_grad():
            if torch.allclose(network.eval()(image), tensors["out.pooled"], atol=1e-5, rtol=0):
                return many
    raise AssertionError("no number of heads gives the recorded pooled feature")


def recorded(case: str) -> tuple[dict[str, Any], ModifiedResNet, dict[str, Tensor]]:
    """The facts of a case, our network with its weights, and its image and outputs. Where the
    recorder left norms out, it did so as the published code does."""
    facts, weights, tensors = tensors_of(case)
    network = plain(weights, tensors["in.image"].shape[-1], heads())
    if facts["adapter_type"]:
        down = [v for name, v in weights.items() if "down_sampler" in name]
        factor = {"vis_reduction_factor": down[-1].shape[1] // down[-1].shape[0]} if down else {}
        spec = VLSpec(
            vis_adapter_type=facts["adapter_type"],
            remove_bn_vis_adapter=not facts["use_bn"],
            legacy_vis_adapter_bn=not facts["use_bn"],
            **factor,
        )
        assert visual.attach(network, spec)
    network.load_state_dict(weights)
    return facts, network.eval(), tensors


def test_there_are_recordings() -> None:
    assert len(CASES) > 1


@pytest.mark.parametrize("case", CASES)
def test_parity_of_grid_and_pooled_feature(case: str) -> None:
    _, network, tensors = recorded(case)
    seen: list[Tensor] = []
    network.layer4.register_forward_hook(lambda *each: seen.append(each[-1]))
    with torch.no_grad():
        pooled = network(tensors["in.image"])
    assert_close(seen[0], tensors["out.fmap"], atol=1e-5, rtol=0)
    assert_close(pooled, tensors["out.pooled"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_parity_of_names_and_counts(case: str) -> None:
    facts, network, _ = recorded(case)
    own = [name for name in network.state_dict() if "_adapter." in name]
    assert sorted(own) == sorted(facts.get("keys", []))
    counts = {n: p.numel() for n, p in network.named_parameters()}
    assert sum(counts.values()) == facts["total"]
    added = sum(many for name, many in counts.items() if "_adapter." in name)
    assert added == facts["adapter_params"]
