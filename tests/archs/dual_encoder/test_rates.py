"""Rates of layers against the published table, and on towers that it does not know."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
from torch import nn
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, ViTConfig, ViTModel

from tests.archs.dual_encoder.recorded import needs_recordings, numbers
from tests.archs.dual_encoder.small import reading, trained
from vlcli.archs.dual_encoder.rates import scales
from vlcli.runs.parts import build
from vlcli.runtime.optimizer import build_optimizer
from vlcli.spec.problem import UserError
from vlcli.towers.stages import levels


class Decays:
    def __init__(self, image: float = 1.0, text: float = 1.0, backbone: float = 1.0) -> None:
        self.layer_decay_image, self.layer_decay_text = image, text
        self.backbone_decay = backbone


def clip(name: str) -> tuple[nn.Module, nn.Module]:
    """The image side and the text side of an architecture, on the meta device."""
    with torch.device("meta"):
        model: Any = open_clip.create_model(name, device="meta")
        visual = model.visual
        model.visual = None
    return visual, model


def shares(module: nn.Module, side: str, decays: Decays) -> dict[str, float]:
    found = scales({side: module}, decays)  # type: ignore[arg-type]
    return {name.removeprefix(f"{side}.tower."): share for name, share in found.items()}


def test_blocks_of_vit_b_32_and_its_text_side_have_the_published_shares() -> None:
    """B13."""
    visual, text = clip("ViT-B-32")
    found = shares(visual, "image", Decays(image=0.9))
    for k in range(12):
        name = f"transformer.resblocks.{k}.mlp.c_fc.weight"
        assert found[name] == pytest.approx(0.9 ** (12 - k), rel=1e-12)
    assert found["transformer.resblocks.0.ln_1.bias"] == pytest.approx(0.282430, abs=1e-6)
    for stem in ("conv1.weight", "class_embedding", "positional_embedding", "ln_pre.weight"):
        assert found[stem] == pytest.approx(0.9**13, rel=1e-12), stem
    assert not {"ln_post.weight", "proj"} & set(found)
    words = shares(text, "text", Decays(text=0.8))
    assert words["transformer.resblocks.0.ln_1.weight"] == pytest.approx(0.068719, abs=1e-6)
    assert words["transformer.resblocks.11.ln_1.weight"] == pytest.approx(0.8)
    assert {name.partition(".")[0] for name in words} == {"transformer"}


def test_stages_of_rn50_have_the_published_shares() -> None:
    visual, _ = clip("RN50")
    found = shares(visual, "image", Decays(image=0.9))
    wanted = {"conv1.weight": 0.531441, "bn3.bias": 0.531441, "layer1.0.conv1.weight": 0.590490}
    wanted |= {"layer2.0.bn1.weight": 0.6561, "layer3.5.conv2.weight": 0.729}
    wanted |= {"layer4.2.conv3.weight": 0.81}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)
    assert not [name for name in found if name.startswith("attnpool")]


@needs_recordings
def test_the_recorded_groups() -> None:
    """As recorded, but for the stem, whose names the original compares without their prefix."""
    facts = numbers("tables")["llrd_reference"]
    groups = facts["ViT-B-32,layer_decay_image=0.9,layer_decay_text=0.8"]
    visual, text = clip("ViT-B-32")
    found = shares(visual, "image", Decays(image=0.9))
    stem = {name for name, share in found.items() if math.isclose(share, 0.9**13)}
    seen = 0
    for group in groups:
        for name in group["names"]:
            side, _, rest = name.partition(".")
            if side == "image_backbone" and rest not in stem and rest != "...":
                assert found.get(rest, 1.0) == pytest.approx(group["lr_scale"], rel=1e-9), name
                seen += 1
    words = shares(text, "text", Decays(text=0.8))
    for group in groups:
        for name in group["names"]:
            side, _, rest = name.partition(".")
            if side == "text_backbone" and rest != "...":
                assert words.get(rest, 1.0) == pytest.approx(group["lr_scale"], rel=1e-9), name
                seen += 1
    assert seen > 200


def test_backbone_decay_slows_all_layers_alike() -> None:
    visual, _ = clip("ViT-B-32")
    plain = shares(visual, "image", Decays(image=0.9))
    half = shares(visual, "image", Decays(image=0.9, backbone=0.5))
    assert half == pytest.approx({name: share / 2 for name, share in plain.items()})


SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2} | {
    "intermediate_size": 32
}
TOWERS = {
    "timm vit": (lambda: timm.create_model("test_vit"), "pos_embed", "blocks.5", "norm"),
    "timm convnext": (lambda: timm.create_model("test_convnext"), "stem.0", "stages.3", "head"),
    "timm resnet": (lambda: timm.create_model("test_resnet"), "conv1.0", "layer4.0", "fc"),
    "torchvision vit": (
        lambda: torchvision.models.vit_b_16(),
        "encoder.pos_embedding",
        "encoder.layers.encoder_layer_11",
        "encoder.ln",
    ),
    "torchvision swin": (
        lambda: torchvision.models.swin_t(),
        "features.0",
        "features.7",
        "head",
    ),
    "transformers vit": (
        lambda: ViTModel(ViTConfig(**SMALL)),
        "embeddings.cls_token",
        "encoder.layer.2",
        "layernorm",
    ),
}


@pytest.mark.parametrize("kind", TOWERS)
def test_image_towers_of_every_library_have_a_stem_layers_and_an_end(kind: str) -> None:
    make, stem, last, end = TOWERS[kind]
    with torch.device("meta"):
        model = make()
    held = levels(model)
    assert held is not None
    by = {at: {held.of[n] for n in held.of if n.startswith(at)} for at in (stem, last, end)}
    assert max(by[stem]) <= 1
    assert by[last] == {held.top - (2 if kind == "timm resnet" else 1)}
    assert by[end] == {held.top}
    assert set(held.of) == {name for name, _ in model.named_parameters()}


def test_texts_have_levels_in_transformers_too() -> None:
    for model, layer in (
        (BertModel(BertConfig(**SMALL, vocab_size=20)), "encoder.layer.0."),
        (GPT2Model(GPT2Config(n_embd=16, n_layer=3, n_head=2, vocab_size=20)), "h.0."),
    ):
        held = levels(model, words=True)
        assert held is not None
        assert held.top == 4
        assert {held.of[name] for name in held.of if name.startswith(layer)} == {1}
        assert {held.of[n] for n in held.of if "layer." not in n and "h." not in n} == {4}


def test_a_tower_without_a_row_of_layers_is_refused() -> None:
    with torch.device("meta"):
        model = torchvision.models.googlenet(init_weights=False)
    with pytest.raises(UserError, match="has no one row of layers"):
        scales({"image": model}, Decays(image=0.5))  # type: ignore[arg-type]


def test_updates_are_made_at_these_rates() -> None:
    changed = {"layer_decay_image": 0.5, "layer_decay_text": 0.25, "backbone_decay": 0.5}
    spec = reading(image_model="test_vit", **changed, lr=0.01).spec
    model = build(spec).architecture
    groups = build_optimizer(spec, model.param_groups(0.1)).param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    rate = {names[id(p)]: group["initial_lr"] for group in groups for p in group["params"]}
    decay = {names[id(p)]: group["weight_decay"] for group in groups for p in group["params"]}
    assert rate["image.head.mlp.weight"] == rate["scale"] == 0.01
    assert rate["image.tower.tower.visual.blocks.5.norm1.weight"] == 0.01 * 0.5 * 0.5
    assert rate["image.tower.tower.visual.pos_embed"] == 0.01 * 0.5 * 0.5**7
    assert decay["image.tower.tower.visual.pos_embed"] == 0
    assert rate["text.tower.model.encoder.layer.0.output.dense.weight"] == 0.01 * 0.5 * 0.25**2
    assert rate["text.tower.model.embeddings.word_embeddings.weight"] == 0.01
    assert groups[0]["initial_lr"] == 0.01  # what the log tells


def test_a_slowed_layer_moves_less_in_a_run(tmp_path: Path) -> None:
    def moved(folder: Path, **changed: Any) -> float:
        from tests.archs.dual_encoder.test_runs import weights

        spec = reading(image_model="test_vit", **changed).spec
        torch.manual_seed(spec.seed)
        begun = build(spec).architecture.state_dict()
        trained(folder, image_model="test_vit", **changed)
        name = "image.tower.tower.visual.patch_embed.proj.weight"
        return float((weights(folder)[name] - begun[name]).abs().max())

    plain = moved(tmp_path / "plain", warmup=0)
    assert moved(tmp_path / "slow", layer_decay_image=0.5, warmup=0) < plain / 10
