"""Pictures become visual features inside the model, by a tower of any library."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tests.archs.vlt5 import tiny
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.visual_embedding import VisualTokens
from vlcli.data.visual import grid_boxes
from vlcli.peft.freezing import freeze
from vlcli.spec.problem import UserError
from vlcli.towers.build import build

RESNET, VIT = "timm:test_resnet", "timm:test_vit"
SIDE = 64


def model(encoder: str = RESNET, **arguments: Any) -> VLArchitecture:
    given = {"feature_type": f"raw:{encoder}", "vis_weights": "random", "image_size": (SIDE, SIDE)}
    spec = tiny.spec("t5", **{**given, **arguments})
    torch.manual_seed(1)
    built = VLArchitecture.build(spec, tiny.tokenizer("t5"), 2048)
    freeze(built, spec)
    return built


def pixels(examples: int, pictures: int = 1) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(0)
    shape = (examples, pictures, SIDE, SIDE, 3)
    return torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8)


def seen(
    pictures: torch.Tensor,
    boxes: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    shown: torch.Tensor | None = None,
) -> VisualTokens:
    count = len(pictures)
    none = torch.zeros(count, 0, 4)
    return VisualTokens(
        torch.zeros(count, 0, 0),
        none if boxes is None else boxes,
        mask,
        pixels=pictures,
        shown=shown,
    )


def batch(built: VLArchitecture, visual: VisualTokens) -> VLBatch:
    examples = [tiny.question(number) for number in range(len(visual.boxes))]
    return replace(built.collator()(examples), visual=visual)


@pytest.mark.parametrize("encoder", [RESNET, VIT, "timm:test_efficientnet"])
def test_the_features_are_those_of_the_tower_with_the_boxes_of_its_grid(encoder: str) -> None:
    built, pictures = model(encoder), pixels(2)
    found = built.seen(batch(built, seen(pictures))).visual
    assert found is not None
    theirs = build(encoder, "random", SIDE).features(pictures[:, 0], "grid")
    rows, columns = theirs.shape[1:3]
    assert torch.allclose(found.features, theirs.flatten(1, 2), atol=1e-6)
    assert found.boxes.equal(grid_boxes(rows, columns).expand(2, -1, -1))
    assert found.mask is None
    assert found.picture_ids is None


def test_a_pooled_feature_is_one_token_of_the_whole_picture() -> None:
    built = model(vis_pooling_output=True)
    found = built.seen(batch(built, seen(pixels(3)))).visual
    assert found is not None
    assert found.features.shape == (3, 1, 96)
    assert found.boxes[0].tolist() == [[0, 0, 1, 1]]


def test_a_region_is_what_its_cells_show() -> None:
    built, pictures = model(), pixels(2)
    quarter = torch.tensor([[0, 0, 0.5, 0.5], [0, 0, 1, 1]]).expand(2, 2, 4)
    whole = built.seen(batch(built, seen(pictures))).visual
    found = built.seen(batch(built, seen(pictures, quarter))).visual
    assert whole is not None
    assert found is not None
    assert torch.allclose(found.features[:, 0], whole.features[:, 0], atol=1e-5)
    assert torch.allclose(found.features[:, 1], whole.features.mean(1), atol=1e-5)
    assert found.boxes.equal(quarter)


@pytest.mark.parametrize("placed", [True, False])
def test_beside_regions_a_picture_without_any_shows_its_grid(placed: bool) -> None:
    built, pictures = model(), pixels(2)
    assert built.vis_encoder is not None
    built.vis_encoder.placed = placed
    boxes = torch.zeros(2, 5, 4)
    boxes[0, 0] = torch.tensor([0, 0, 0.5, 0.5])
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[0, 0] = True
    for many in (5, 2):  # more regions than the 4 cells, and fewer
        found = built.seen(batch(built, seen(pictures, boxes[:, :many], mask[:, :many]))).visual
        alone = built.seen(batch(built, seen(pictures))).visual
        assert found is not None
        assert alone is not None
        assert found.mask is not None
        assert found.mask.sum(1).tolist() == [1, 4]
        assert found.features[1, :4].equal(alone.features[1])
        assert found.boxes[1, :4].equal(alone.boxes[1])
        assert found.boxes[0, 0].tolist() == [0, 0, 0.5, 0.5]
        assert found.features[0, 0].equal(alone.features[0, 0])


def test_features_that_come_with_a_batch_pass_the_tower_by() -> None:
    built = model()
    plain = batch(built, VisualTokens(torch.rand(2, 4, 96), torch.zeros(2, 4, 4)))
    assert built.seen(plain) is plain


def test_two_pictures_are_numbered_and_one_that_lacks_is_masked() -> None:
    built, pictures = model(), pixels(2, 2)
    shown = torch.tensor([[True, True], [True, False]])
    found = built.seen(batch(built, seen(pictures, shown=shown))).visual
    both = built.seen(batch(built, seen(pictures))).visual
    assert found is not None
    assert both is not None
    assert found.mask is not None
    assert found.mask.tolist() == [[True] * 8, [True] * 4 + [False] * 4]
    assert found.features[:, :4].equal(both.features[:, :4])
    assert not found.features[1, 4:].any()
    assert found.picture_ids is not None
    assert found.picture_ids.tolist() == [[0] * 4 + [1] * 4]
    assert found.box_ids is not None
    assert found.box_ids.tolist() == [[*range(4), *range(4)]]


def test_losses_and_predictions_see_pictures() -> None:
    built = model().eval()
    one, other = (batch(built, seen(each)) for each in (pixels(2), 255 - pixels(2)))
    with torch.no_grad():
        assert built(one).sum != built(other).sum
        assert [each.id for each in built.predict(one)] == ["q0", "q1"]


def test_nothing_of_a_frozen_tower_is_differentiated() -> None:
    built = model(freeze_bn_statistics=True).train()
    found = built.seen(batch(built, seen(pixels(2)))).visual
    assert found is not None
    assert not found.features.requires_grad
    before = {n: v.clone() for n, v in built.state_dict().items() if n.startswith("vis_encoder.")}
    built(batch(built, seen(pixels(2)))).sum.backward()
    assert all(p.grad is None for p in built.vis_encoder.parameters())  # type: ignore[union-attr]
    now = built.state_dict()
    assert all(now[name].equal(value) for name, value in before.items())


def test_frozen_batch_norms_drift_unless_their_statistics_are_kept() -> None:
    kept, drifting = model(freeze_bn_statistics=True), model()
    for built in (kept, drifting):
        built.train()
        built(batch(built, seen(pixels(2))))
    norm = "vis_encoder.model.visual.layer1.0.bn1.running_mean"
    assert not kept.state_dict()[norm].any()
    assert drifting.state_dict()[norm].any()


def test_dropout_rests_in_what_is_frozen() -> None:
    built = model(VIT, unfreeze_vis_last_layer=False).train()
    tower = built.vis_encoder
    assert tower is not None
    tower.model.visual.pos_drop.p = 0.9  # type: ignore[union-attr]
    twice = [built.seen(batch(built, seen(pixels(1)))).visual for _ in range(2)]
    assert twice[0].features.equal(twice[1].features)  # type: ignore[union-attr]
    assert not any(module.training for module in tower.model.modules())
    assert any(isinstance(module, nn.Dropout) for module in tower.model.modules())


def test_the_tower_leaves_the_other_first_weights_as_they_are() -> None:
    with_tower = model(vis_pooling_output=True).state_dict()
    without = tiny.model("t5").state_dict()
    name = "encoder.block.0.layer.0.SelfAttention.q.weight"
    assert with_tower[name].equal(without[name])


def test_what_has_no_weights_here_is_one_sentence_with_the_key(monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r'Set vis_weights to a file .* or to "random"'):
        model(vis_weights="pretrained")
    with pytest.raises(UserError, match='no weight file "no-such-file"'):
        model(vis_weights="no-such-file")
    with pytest.raises(UserError, match='timm has no encoder "test_resnets"') as caught:
        model("timm:test_resnets")
    assert caught.value.exit_code == 3
