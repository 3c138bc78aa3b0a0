"""What trains follows from names, the types that own them, and the arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.models.t5.modeling_t5 import T5LayerNorm

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.peft.freezing import Owners, Tuned, freeze, owners, trainable

STACK: Owners = (nn.Module, nn.ModuleList, nn.Module)
VISUAL = "encoder.visual_embedding.feat_embedding.0.weight"
PARAMETERS: dict[str, Owners] = {
    "shared.weight": (nn.Module, nn.Embedding),
    VISUAL: (*STACK, nn.Linear),
    "encoder.block.0.layer.0.SelfAttention.q.weight": (*STACK, nn.Linear),
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (*STACK, nn.Embedding),
    "encoder.block.0.layer.0.layer_norm.weight": (*STACK, T5LayerNorm),
    "encoder.block.0.layer.0.attn_adapter.down.weight": (*STACK, Tuned, nn.Linear),
    "decoder.layers.0.self_attn.q_proj.lora_As.vqa": (*STACK, nn.Linear),
    "decoder.layers.0.final_layer_norm.weight": (*STACK, nn.LayerNorm),
    "vis_encoder.model.visual.layer3.0.bn1.weight": (*STACK, nn.BatchNorm2d),
    "vis_encoder.model.visual.layer4.0.conv1.weight": (*STACK, nn.Conv2d),
    "answer_head.3.bias": (*STACK, nn.Linear),
}
ALWAYS = {
    VISUAL,
    "answer_head.3.bias",
    "encoder.block.0.layer.0.attn_adapter.down.weight",
}


def beside(methods: tuple[str, ...] = (), **arguments: bool) -> set[str]:
    """What trains beside what always does, shortened to its last two names."""
    last_stage = "vis_encoder.model.visual.layer4."
    found = trainable(PARAMETERS, VLSpec(**arguments), methods, last_stage)
    assert found >= ALWAYS
    return {".".join(name.split(".")[-2:]) for name in found - ALWAYS}


def test_only_the_visual_embedding_and_what_methods_put_in_train_by_themselves() -> None:
    assert beside() == set()


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("unfreeze_lm_head", {"shared.weight"}),
        ("unfreeze_layer_norms", {"layer_norm.weight", "final_layer_norm.weight"}),
        ("unfreeze_vis_last_layer", {"conv1.weight"}),
        ("unfreeze_batch_norms", {"bn1.weight"}),
        ("unfreeze_vis_encoder", {"conv1.weight", "bn1.weight"}),
        (
            "unfreeze_language_model",
            {
                "shared.weight",
                "q.weight",
                "relative_attention_bias.weight",
                "layer_norm.weight",
                "final_layer_norm.weight",
                "lora_As.vqa",
            },
        ),
    ],
)
def test_a_switch_adds_its_parameters(argument: str, names: set[str]) -> None:
    short = {name if name.count(".") < 2 else ".".join(name.split(".")[-2:]) for name in names}
    assert {n.removeprefix("SelfAttention.") for n in beside(**{argument: True})} == short


def test_lora_trains_its_matrices_and_everything_called_bias() -> None:
    assert beside(("lora",)) == {"lora_As.vqa", "relative_attention_bias.weight"}


def test_freezing_sets_what_learns_and_leaves_a_shared_weight_under_its_first_name() -> None:
    words = nn.Embedding(4, 2)
    encoder = nn.Module()
    encoder.visual_embedding = nn.Module()
    encoder.visual_embedding.boxes = words
    encoder.visual_embedding.feat = nn.Linear(2, 2)
    model = nn.Module()
    model.shared, model.encoder = words, encoder
    assert freeze(model, VLSpec()) == {
        f"encoder.visual_embedding.feat.{n}" for n in ("weight", "bias")
    }
    assert not words.weight.requires_grad
    freeze(model, VLSpec(unfreeze_lm_head=True))
    assert words.weight.requires_grad


def test_owners_run_from_the_model_to_the_module() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(1, 1)), nn.LayerNorm(1))
    types = owners(model)
    assert types["0.0.weight"] == (nn.Sequential, nn.Sequential, nn.Linear)
    assert types["1.bias"] == (nn.Sequential, nn.LayerNorm)


def test_frozen_parts_get_no_gradient() -> None:
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "visual_embedding": nn.Linear(2, 2)})
    freeze(model, VLSpec())
    model["encoder"](model["visual_embedding"](torch.ones(1, 2))).sum().backward()
    assert model["encoder"].weight.grad is None
    assert model["visual_embedding"].weight.grad is not None
