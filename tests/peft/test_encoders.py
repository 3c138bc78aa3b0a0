"""Adapters of two libraries in bare encoders: the recorded sizes in all families, what trains."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import timm
import torch
import torchvision
import transformers as t
from torch import nn

from vlcli.peft.freezing import of_library
from vlcli.peft.injected import inject
from vlcli.peft.library import put_into
from vlcli.spec.library import OF_ENCODERS, OF_PEFT, Unreadable, read_for_encoder
from vlcli.spec.problem import UserError

H, L, A, F, V = 128, 2, 4, 256, 120
SIZES = {"hidden_size": H, "num_hidden_layers": L, "num_attention_heads": A}
SIZES |= {"intermediate_size": F}
WORDS = {**SIZES, "vocab_size": V}
PICTURES = {**SIZES, "image_size": 32, "patch_size": 8}
T5 = {"d_model": H, "d_kv": 32, "d_ff": F, "num_layers": L, "num_heads": A, "vocab_size": V}
BART = {
    **{"d_model": H, "vocab_size": V, "pad_token_id": 0},
    **{f"{side}_layers": L for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": A for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": F for side in ("encoder", "decoder")},
}
GPT2 = {"n_embd": H, "n_layer": L, "n_head": A, "n_inner": F, "vocab_size": V}
DISTIL = {"dim": H, "n_layers": L, "n_heads": A, "hidden_dim": F, "vocab_size": V}
FAMILIES: dict[str, Callable[[], Any]] = {
    "bert": lambda: t.BertModel(t.BertConfig(**WORDS)),
    "roberta": lambda: t.RobertaModel(t.RobertaConfig(**WORDS)),
    "xlmr": lambda: t.XLMRobertaModel(t.XLMRobertaConfig(**WORDS)),
    "distilbert": lambda: t.DistilBertModel(t.DistilBertConfig(**DISTIL)),
    "albert": lambda: t.AlbertModel(t.AlbertConfig(**WORDS, embedding_size=32)),
    "t5": lambda: t.T5Model(t.T5Config(**T5)),
    "t5_encoder": lambda: t.T5EncoderModel(t.T5Config(**T5)),
    "bart": lambda: t.BartModel(t.BartConfig(**BART)),
    "gpt2": lambda: t.GPT2Model(t.GPT2Config(**GPT2)),
    "clip_text": lambda: t.CLIPTextModel(t.CLIPTextConfig(**WORDS)),
    "clip_vision": lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**PICTURES)),
    "clip": lambda: t.CLIPModel(t.CLIPConfig(text_config=WORDS, vision_config=PICTURES)),
    "vit": lambda: t.ViTModel(t.ViTConfig(**PICTURES)),
    "beit": lambda: t.BeitModel(t.BeitConfig(**PICTURES)),
}
# Methods with their sizes in most families; in ALBERT (one layer twice); in T5 and BART; in CLIP.
TABLE = {
    "bottleneck_adapter": (8736, 4368, 17472, 17472),
    "double_seq_bn": (8736, 4368, 17472, 17472),
    "seq_bn": (4368, 2184, 8736, 8736),
    "par_bn": (33152, 16576, 66304, 66304),
    "scaled_par_bn": (33154, 16577, 66308, 66308),
    "lang_adapter": (12752, 2744, 17120, 17120),
    "prefix_tuning": (332544, 201216, 997632, 665088),
    "prefix_tuning_flat": (15360, 7680, 46080, 30720),
    "dummy": (1648, 856, 3232, 3232),
    "compacter++[reduction_factor=8]": (928, 496, 1792, 1792),
    "lora_adapter": (8192, 4096, 24576, 16384),
    "ia3_adapter": (1024, 512, 2560, 2048),
    "mam_adapter": (550304, 328672, 1617760, 1100608),
    "unipelt": (343576, 205452, 1026102, 687152),
    "dora": (8704, 4352, 26112, 17408),
    "mtl_lora": (8228, 4114, 24684, 16456),
    "loreft": (1028, 514, 2056, 2056),
    "noreft": (1028, 514, 2056, 2056),
    "direft": (1028, 514, 2056, 2056),
    "adapter_plus[reduction_factor=16]": (4624, 2312, 9248, 9248),
    "prompt_tuning": (1280, 320, None, None),
}
SEEING = ("clip_vision", "vit", "beit")
REFUSED = {("lang_adapter", each) for each in SEEING}
REFUSED |= {("prompt_tuning", each) for each in ("t5_encoder", "gpt2", "clip_text", "clip_vision")}
REFUSED |= {("prompt_tuning", each) for each in ("t5", "bart", "clip")}
RECORDED = {"compacter++[reduction_factor=8]": "compacter++_rf8"} | {
    "adapter_plus[reduction_factor=16]": "adapter_plus_rf16"
}
PARITY = Path(os.environ.get("VLCLI_PARITY_DIR", "../shared/parity")) / "itra/adapters.json"


def wanted(method: str, family: str) -> int | None:
    most, albert, pairs, clip = TABLE[method]
    return {"albert": albert, "t5": pairs, "bart": pairs, "clip": clip}.get(family, most)


def size(model: nn.Module) -> int:
    return sum(p.numel() for name, p in model.named_parameters() if of_library(name))


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_are_the_recorded_ones_in_every_family(family: str) -> None:
    """B9."""
    found, right = {}, {}
    for method in TABLE:
        if (method, family) in REFUSED or (method in ("dora", "mtl_lora") and family == "gpt2"):
            continue
        model = FAMILIES[family]()
        put_into(model, method, encoder=True)
        found[method], right[method] = size(model), wanted(method, family)
    assert found == right
    assert len(found) > 15


@pytest.mark.skipif(not PARITY.is_file(), reason="no recorded reference here")
def test_the_table_is_the_recorded_one() -> None:
    recorded = json.loads(PARITY.read_text())["tiny"]
    for family, row in recorded.items():
        for method in TABLE:
            value = row.get(RECORDED.get(method, method))
            if isinstance(value, int):
                assert value == wanted(method, family), (family, method)
            elif value is not None:
                refused = (method, family) in REFUSED
                assert refused or (method, family) == ("dora", "gpt2"), (family, method)


@pytest.mark.parametrize(("method", "family"), sorted(REFUSED))
def test_what_the_library_cannot_put_in_is_a_sentence(method: str, family: str) -> None:
    with pytest.raises(UserError, match="The adapters library cannot put"):
        put_into(FAMILIES[family](), method, encoder=True)


def test_kronecker_products_need_widths_that_divide() -> None:
    small = {**WORDS, "hidden_size": 64}
    with pytest.raises(UserError, match="cannot put dummy into a bert"):
        put_into(t.BertModel(t.BertConfig(**small)), "dummy", encoder=True)


@pytest.mark.parametrize("method", OF_ENCODERS)
def test_the_settings_of_encoders_are_the_librarys(method: str) -> None:
    from adapters.configuration.adapter_config import (  # type: ignore[import-untyped]
        ADAPTER_CONFIG_MAP,
        AdapterPlusConfig,
    )

    held = AdapterPlusConfig() if method == "adapter_plus" else ADAPTER_CONFIG_MAP[method]
    (part,) = read_for_encoder(method).parts
    theirs = {key: getattr(held, key) for key in part.settings}
    assert dict(part.settings) == theirs


def test_direft_stays_direft() -> None:
    for method, subtracts in (("direft", False), ("noreft", True)):
        model = FAMILIES["bert"]()
        put_into(model, method, encoder=True)
        units = [m for m in model.modules() if type(m).__name__ == "ReftUnit"]
        assert units
        assert {unit.subtract_projection for unit in units} == {subtracts}


MPNET = ("bottleneck_adapter", "seq_bn", "par_bn", "lang_adapter", "dummy", "lora_adapter")
MPNET += ("ia3_adapter", "loreft", "dora")


@pytest.mark.parametrize("method", MPNET)
def test_mpnet_has_what_bert_has(method: str) -> None:
    model = t.MPNetModel(t.MPNetConfig(**WORDS, hidden_dropout_prob=0.0))
    ids = torch.randint(4, V, (2, 6))
    with torch.no_grad():
        before = model.eval()(ids).last_hidden_state
    put_into(model, method, encoder=True)
    assert size(model) == TABLE[method][0]
    stepped(model, lambda: model(ids).last_hidden_state)
    with torch.no_grad():
        after = model.eval()(ids).last_hidden_state
    assert not torch.equal(before, after)


@pytest.mark.parametrize("method", ["prefix_tuning", "mam_adapter", "unipelt", "prompt_tuning"])
def test_mpnet_is_refused_what_its_interface_cannot(method: str) -> None:
    with pytest.raises(UserError, match="into a mpnet"):
        put_into(t.MPNetModel(t.MPNetConfig(**WORDS)), method, encoder=True)


def stepped(model: nn.Module, out: Callable[[], torch.Tensor]) -> None:
    """Two steps of the adapter's parameters: all have a gradient, and nothing else moves."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(of_library(name))
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    states = out()
    wave = torch.linspace(-1, 1, states.shape[-1])
    for _ in range(2):  # what begins at zero hides others from the first gradient
        optimizer.zero_grad()
        (out() * wave).sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in learning)
        optimizer.step()
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed
    assert all(of_library(name) for name in changed)


@pytest.mark.parametrize("family", SEEING)
def test_encoders_of_pictures_learn_by_their_adapter_alone(family: str) -> None:
    pixels = torch.randn(2, 3, 32, 32)
    for method in TABLE:
        if (method, family) in REFUSED or method == "mtl_lora":
            continue
        model = FAMILIES[family]()
        put_into(model, method, encoder=True)
        model.train()
        stepped(model, lambda made=model: made(pixels).last_hidden_state)


def clip_text() -> tuple[nn.Module, Callable[[Any], torch.Tensor]]:
    text = open_clip.CLIPTextCfg(context_length=8, vocab_size=30, width=16, heads=2, layers=2)
    vision = open_clip.CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=8, image_size=16)
    model: Any = open_clip.CLIP(12, vision, text)
    model.visual = None
    del model.logit_scale
    ids = torch.randint(1, 30, (2, 8))
    return model, lambda made: made.encode_text(ids)


def seeing(make: Callable[[], nn.Module], side: int) -> Any:
    pixels = torch.randn(2, 3, side, side)
    return make(), lambda made: made(pixels)


def clip_image() -> Any:
    vision = open_clip.CLIPVisionCfg(layers=2, width=16, head_width=8, patch_size=8, image_size=16)
    text = open_clip.CLIPTextCfg(context_length=8, vocab_size=30, width=16, heads=2, layers=1)
    return seeing(lambda: open_clip.CLIP(12, vision, text).visual, 16)


def headless() -> nn.Module:
    model = torchvision.models.resnet18()
    model.fc = nn.Identity()
    return model


ENCODERS: dict[str, Callable[[], Any]] = {
    "open_clip text": clip_text,
    "open_clip image": clip_image,
    "bert": lambda: (FAMILIES["bert"](), lambda made: made(torch.arange(12).view(2, 6))[0]),
    "timm vit": lambda: seeing(lambda: timm.create_model("test_vit", num_classes=0), 160),
    "timm resnet": lambda: seeing(lambda: timm.create_model("test_resnet", num_classes=0), 64),
    "torchvision resnet": lambda: seeing(headless, 64),
}
CONVOLUTIONAL = ("timm resnet", "torchvision resnet")
OF_CONVOLUTIONS = ("lora", "loha", "dora")


@pytest.mark.parametrize("method", OF_PEFT)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_peft_goes_into_any_encoder_changes_nothing_at_first_and_learns_alone(
    encoder: str, method: str
) -> None:
    torch.manual_seed(0)
    model, run = ENCODERS[encoder]()
    with torch.no_grad():
        before = run(model.eval())
    if encoder in CONVOLUTIONAL and method not in OF_CONVOLUTIONS:
        with pytest.raises(UserError, match="no layer that takes it"):
            inject(model, f"peft:{method}")
        return
    inject(model, f"peft:{method}")
    with torch.no_grad():
        torch.testing.assert_close(run(model.eval()), before, atol=1e-6, rtol=1e-5)
    stepped(model, lambda: run(model))
    with torch.no_grad():
        assert not torch.equal(run(model.eval()), before)


def test_attention_of_open_clip_is_tuned_as_a_whole() -> None:
    model, _ = clip_text()
    inject(model, "peft:lora[r=2]")
    found = {name.partition(".lora_")[0] for name, _ in model.named_parameters() if "lora_" in name}
    blocks = [f"transformer.resblocks.{n}." for n in range(2)]
    fused = "attn.parametrizations.in_proj_weight.0"
    assert {f"{block}{part}" for block in blocks for part in (fused, "mlp.c_fc")} <= found
    only, _ = clip_text()
    inject(only, "peft:lora[targets=['c_fc']]")
    found = {name.partition(".lora_")[0] for name, _ in only.named_parameters() if "lora_" in name}
    assert found == {f"{block}mlp.c_fc" for block in blocks}


def test_strings_mean_what_they_say() -> None:
    assert read_for_encoder("vera[r=4]") == read_for_encoder("peft:vera[r=4]")
    assert read_for_encoder("vera").has("peft")
    assert not read_for_encoder("lora").has("peft")
    for wrong, said in (
        ("peft:lorra", "no method of peft that is known here"),
        ("peft:lora|ia3", "joins methods of peft"),
        ("dvora", "which encoders cannot have"),
        ("peft:ia3[r=2]", "the option r"),
        ("prompt_tuning[combine='behind']", "combine of prompt_tuning"),
        ("loreft[layers='some']", "layers of loreft"),
    ):
        with pytest.raises(Unreadable, match=said):
            read_for_encoder(wrong)
