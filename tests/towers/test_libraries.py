"""All that a library has: every classification network of torchvision, every CLIP of open_clip,
the vision models of transformers; in their full shape on the meta device, where possible."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import open_clip  # type: ignore[import-untyped]
import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPVisionConfig,
    RobertaConfig,
    ViTConfig,
    ViTForImageClassification,
)

from vlcli.spec.problem import UserError
from vlcli.towers import huggingface
from vlcli.towers.build import build, outline
from vlcli.towers.stages import last_stage
from vlcli.towers.text.open_clip import hub_text
from vlcli.towers.text.open_clip import tower as text_tower
from vlcli.towers.tower import Tower

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"
NETWORKS = models.list_models(module=models)
CLIPS = open_clip.list_models()
PICTURES = torch.arange(2 * 64 * 64 * 3).reshape(2, 64, 64, 3).remainder(251)
# Widths where no recording tells them: one of each family.
WIDTHS = {"alexnet": 9216, "vgg11": 25088, "densenet161": 2208, "convnext_tiny": 768}
WIDTHS |= {"maxvit_t": 512, "squeezenet1_1": 512, "inception_v3": 2048, "googlenet": 1024}
WIDTHS |= {"mobilenet_v2": 1280, "mobilenet_v3_small": 576, "shufflenet_v2_x0_5": 1024}
WIDTHS |= {"mnasnet0_5": 1280, "regnet_y_128gf": 7392, "swin_t": 768, "resnext50_32x4d": 2048}


def recorded() -> dict[str, Any]:
    path = FOLDER / "torchvision_dims.json"
    held: dict[str, Any] = json.loads(path.read_text())["dims"] if path.is_file() else {}
    return held


def seen(tower: Tower, side: int, pool: Any = "pooled") -> tuple[int, ...]:
    """The shape of what a tower on the meta device makes of two pictures."""
    with torch.no_grad():
        return tuple(tower(torch.empty(2, side, side, 3, device="meta"), pool).shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_torchvision_pools(name: str) -> None:
    """One vector a picture, in training too, of the width that the classifier reads; and nothing
    is left that this vector does not pass through."""
    tower = outline(f"torchvision:{name}")
    tower.settle("pooled")
    shapes = {seen(tower.train(mode), tower.look.size) for mode in (True, False)}
    wanted = recorded().get(name)
    width = wanted["dim"] if wanted else WIDTHS.get(name)
    ((many, rows, columns, found),) = shapes
    assert (many, rows, columns) == (2, 1, 1)
    assert width in (None, found)
    if wanted and wanted["input"] == tower.look.size:
        assert sum(each.numel() for each in tower.parameters()) == wanted["params"]


@pytest.mark.parametrize("name", sorted(WIDTHS.keys() - {"regnet_y_128gf"}))
def test_what_enters_the_classifier_is_the_pooled_feature_before_and_after_it_is_gone(
    name: str,
) -> None:
    if name in ("alexnet", "vgg11", "densenet161", "maxvit_t", "inception_v3", "googlenet"):
        tower = outline(f"torchvision:{name}")
        before = seen(tower, tower.look.size)
        tower.settle("pooled")
        assert before == seen(tower, tower.look.size) == (2, 1, 1, WIDTHS[name])
        return
    tower = build(f"torchvision:{name}", "random", size=64)
    read = tower.features(PICTURES, "pooled")
    grid = tower.features(PICTURES, "grid")
    assert grid.shape[0] == 2
    tower.settle("pooled")
    torch.testing.assert_close(tower.features(PICTURES, "pooled"), read, atol=0, rtol=0)


def test_a_pooled_feature_of_torchvision_gives_the_networks_own_scores() -> None:
    for name in ("squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x0_5", "mnasnet0_5"):
        tower = build(f"torchvision:{name}", "random", size=64)
        visual: Any = tower.visual
        pixels = tower.pixels(PICTURES)
        with torch.no_grad():
            if name == "squeezenet1_1":
                own = visual.features(pixels).mean((2, 3))
            else:
                head = next(n for n in ("fc", "classifier") if hasattr(visual, n))
                own = _entering(visual, head, pixels)
        torch.testing.assert_close(tower.features(PICTURES, "pooled")[:, 0, 0], own)


def _entering(visual: nn.Module, head: str, pixels: Tensor) -> Tensor:
    taken: list[Tensor] = []
    with getattr(visual, head).register_forward_pre_hook(lambda _, given: taken.append(given[0])):
        visual(pixels)
    return taken[0]


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the configuration of a text model."""
    folder = tmp_path_factory.mktemp("roberta")
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    RobertaConfig(vocab_size=60, intermediate_size=32, **small).save_pretrained(folder)
    return str(folder)


TEXTS: dict[str, tuple[tuple[int, ...], int]] = {}  # by configuration: many have the same


def texts(name: str, folder: str | None) -> tuple[tuple[int, ...], int]:
    """The shape of what a text tower makes of two texts, and the width that it tells."""
    config = open_clip.get_model_config(name)
    own = json.dumps([config["embed_dim"], config["text_cfg"], config.get("custom_text"), folder])
    if own not in TEXTS:
        length = config["text_cfg"].get("context_length", 77)
        # models of transformers look at their tokens, and are small here
        with torch.device("cpu" if folder else "meta"), torch.no_grad():
            tower = text_tower(name, "", False, folder=folder)
            found = tower({"ids": torch.zeros(2, length, dtype=torch.long)}).shape
        TEXTS[own] = tuple(found), tower.width
    return TEXTS[own]


@pytest.mark.parametrize("name", CLIPS)
def test_every_architecture_of_open_clip_has_two_sides_of_one_width(
    name: str, roberta: str
) -> None:
    """The text towers of transformers take their shape from a folder."""
    width = open_clip.get_model_config(name)["embed_dim"]
    image = outline(f"open_clip:{name}")
    assert seen(image, image.look.size) == (2, 1, 1, width)
    assert texts(name, roberta if hub_text(name) else None) == ((2, width), width)


@pytest.mark.parametrize("kind", ["clip", "custom", "coca", "bias"])
def test_texts_and_pictures_are_encoded_as_open_clip_does(kind: str, tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16}
        | {"patch_size": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
    }
    if kind == "coca":
        config["vision_cfg"] |= {"attentional_pool": True, "attn_pooler_heads": 2}
        config["vision_cfg"] |= {"output_tokens": True, "attn_pooler_queries": 6}
        config["text_cfg"] |= {"embed_cls": True, "output_tokens": True}
        config["multimodal_cfg"] = config["text_cfg"] | {"mlp_ratio": 4, "output_tokens": False}
        config["multimodal_cfg"] = {"width": 16, "heads": 2, "layers": 1, "context_length": 8}
    if kind != "clip":
        config["custom_text"] = True
    if kind == "bias":
        config["init_logit_bias"] = -10
    name = f"tiny-{kind}"
    (tmp_path / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    whole = open_clip.create_model(name).eval()
    text = text_tower(name, "", False).eval()
    image = build(f"open_clip:{name}", "random")
    own = {n.removeprefix("text."): v for n, v in whole.state_dict().items()}
    held = text.text.state_dict()
    text.text.load_state_dict({n: own[n] for n in held})
    image.load(whole.visual.state_dict(), "whole")
    ids = torch.randint(1, 60, (3, 7 if kind == "coca" else 8))
    pixels = image.pixels(PICTURES[:, :32, :32])
    with torch.no_grad():
        words, pictures = whole.encode_text(ids), whole.encode_image(pixels)
        mine, seen_ = text({"ids": ids}), image(PICTURES[:, :32, :32], "pooled")[:, 0, 0]
        if kind == "coca":  # its own method divides by the length
            mine, seen_ = (nn.functional.normalize(each, dim=-1) for each in (mine, seen_))
    assert torch.equal(mine, words)
    # CoCa's pictures differ in the last bit on some processors
    near = 1e-6 if kind == "coca" else 0.0
    torch.testing.assert_close(seen_, pictures, rtol=0.0, atol=near)
    assert text.bias == (-10 if kind == "bias" else None)
    assert image.features(PICTURES[:, :32, :32], "grid").shape == (2, 2, 2, 32)


def test_every_published_pair_of_open_clip_is_asked_for_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a hub, each of them is one sentence, before any network is built."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = []

    def absent(config: Any, **_: Any) -> str:
        asked.append(config.get("hf_hub") or config.get("url"))
        raise OSError("nothing of the kind is cached")

    monkeypatch.setattr(open_clip.factory, "download_pretrained", absent)
    pairs = open_clip.list_pretrained()
    for name, tag in pairs:
        with pytest.raises(UserError, match="cannot be had: they are not on this machine") as told:
            build(f"open_clip:{name}:{tag}")
        assert str(told.value).count("\n") == 0
        with pytest.raises(UserError, match=f"weights {tag} of open_clip's {name} cannot be had"):
            text_tower(name, tag, True)
    assert len(pairs) >= 196
    assert len(asked) == 2 * len(pairs)
    assert all(asked)


@pytest.mark.parametrize(
    "name",
    [
        *("vit_tiny_patch16_224", "deit_tiny_patch16_224", "swin_tiny_patch4_window7_224"),
        *("convnext_atto", "efficientnet_lite0", "mobilenetv3_small_050", "regnetx_002"),
        *("resnet18", "edgenext_xx_small", "levit_128s", "eva02_tiny_patch14_224", "pvt_v2_b0"),
    ],
)
def test_families_of_timm_pool(name: str) -> None:
    tower = outline(f"timm:{name}")
    with torch.device("meta"), torch.no_grad():
        own = timm.create_model(name, num_classes=0)
        width = own(torch.empty(2, 3, tower.look.size, tower.look.size)).shape[1]
    assert seen(tower, tower.look.size) == (2, 1, 1, width)
    tower.settle("pooled")
    assert seen(tower, tower.look.size) == (2, 1, 1, width)


MINI = [name for name in huggingface.SHAPES if name.endswith("-mini")]


@pytest.mark.parametrize("name", MINI)
def test_vision_models_of_transformers_begin_at_random(name: str) -> None:
    tower = build(f"huggingface:{name}", "random", size=64)
    rows, columns, width = tower.shape("grid")
    assert rows == columns
    assert tower.shape("pooled") == (1, 1, width)
    again = build(f"huggingface:{name}", "random", size=64)
    assert again.digest() == tower.digest()
    assert last_stage(tower.visual) is not None
    tower.settle("pooled")
    tower.requires_grad_(True)
    tower(PICTURES, "pooled").pow(2).sum().backward()
    assert [n for n, p in tower.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", [n for n in MINI if not n.startswith("convnext")])
def test_they_see_pictures_of_another_size(name: str) -> None:
    tower = build(f"huggingface:{name}", "random", size=128)
    own = build(f"huggingface:{name}", "random", size=64)
    assert tower.shape("grid")[:2] == tuple(2 * side for side in own.shape("grid")[:2])
    assert tower.digest() == own.digest()


@pytest.mark.parametrize("name", huggingface.SHAPES)
def test_their_shapes_are_known_without_files(name: str) -> None:
    tower = outline(f"huggingface:{name}")
    assert seen(tower, tower.look.size)[:3] == (2, 1, 1)
    assert {each.device.type for each in tower.parameters()} == {"meta"}


def test_a_grid_of_transformers_lies_as_the_picture_does() -> None:
    for name in ("vit-mini", "dinov2-mini", "siglip-mini", "swin-mini"):
        tower = build(f"huggingface:{name}", "random", size=64)
        plain = torch.full((1, 64, 64, 3), 128)
        marked = plain.clone()
        marked[0, 0:16, 48:64] = 255
        change = (tower.features(marked, "grid") - tower.features(plain, "grid")).norm(dim=-1)[0]
        row, column = divmod(int(change.argmax()), change.shape[1])
        assert (row, column) == (0, change.shape[1] - 1), name


def test_a_folder_gives_its_weights_and_its_look(tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=32)
    whole = ViTForImageClassification(config).eval()
    whole.save_pretrained(tmp_path)
    look = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.1, 0.2, 0.3]}
    look |= {"image_std": [0.4, 0.5, 0.6], "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(look))
    tower = build(f"huggingface:{tmp_path}")
    assert tower.look[:3] == (32, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert tower.look.interpolation == "bilinear"
    with torch.no_grad():
        scores = whole(tower.pixels(PICTURES[:, :32, :32])).logits
    pooled = tower.features(PICTURES[:, :32, :32], "pooled")[:, 0, 0]
    torch.testing.assert_close(whole.classifier(pooled.clone()), scores)


def test_of_a_clip_of_transformers_the_image_side_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(1)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = CLIPTextConfig(vocab_size=60, intermediate_size=32, **small)
    vision = CLIPVisionConfig(image_size=32, patch_size=16, intermediate_size=32, **small)
    sides = {"text_config": text.to_dict(), "vision_config": vision.to_dict()}
    config = CLIPConfig(**sides, projection_dim=16)
    whole = CLIPModel(config).eval()
    whole.save_pretrained(tmp_path)
    tower = build(f"huggingface:{tmp_path}")
    with torch.no_grad():
        wanted = whole.get_image_features(tower.pixels(PICTURES[:, :32, :32]))
    assert torch.equal(tower.features(PICTURES[:, :32, :32], "pooled")[:, 0, 0], wanted)
    assert tower.shape("grid") == (2, 2, 32)
    assert not any("text" in name for name, _ in tower.named_parameters())


@pytest.mark.parametrize("name", ["./nowhere", "someone/something"])
def test_an_image_model_that_is_not_here_is_one_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for weights in ("random", "pretrained"):
        with pytest.raises(UserError, match=f"The image model {name} is not on this machine"):
            build(f"huggingface:{name}", weights)


def test_a_model_of_texts_sees_no_pictures(roberta: str) -> None:
    with pytest.raises(UserError, match="is a model of roberta, which sees no pictures"):
        build(f"huggingface:{roberta}", "random")
