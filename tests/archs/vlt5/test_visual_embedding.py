"""The visual embedding against plain sums, and the modules that lessen visual tokens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vlcli.archs.vlt5.downsample import reduction, sparse_sample
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.visual_embedding import VisualEmbedding, VisualTokens
from vlcli.spec.problem import UserError

BOX = torch.tensor([[[0.1, 0.2, 0.5, 0.9]]])


def embedding(**arguments: bool) -> VisualEmbedding:
    torch.manual_seed(0)
    return VisualEmbedding(VLSpec(**arguments), 4, nn.Embedding(10, 6), nn.LayerNorm)


@pytest.mark.parametrize(("legacy", "area"), [(True, 0.4 * 0.1), (False, 0.4 * 0.7)])
def test_the_area_is_the_published_one_or_the_right_one(legacy: bool, area: float) -> None:
    plain = embedding(legacy_area=legacy, use_vis_layer_norm=False, use_vis_order_embedding=False)
    features = torch.rand(1, 1, 4)
    place = torch.cat([BOX, torch.tensor([[[area]]])], dim=-1)
    by_hand = plain.feat_embedding(features) + plain.absolute_vis_pos_embedding(place)
    torch.testing.assert_close(plain(VisualTokens(features, BOX)), by_hand)


def test_boxes_are_named_by_the_last_words_of_the_vocabulary() -> None:
    named = embedding(use_vis_layer_norm=False)
    bare = embedding(use_vis_layer_norm=False, use_vis_order_embedding=False)
    bare.load_state_dict(named.state_dict(), strict=False)
    visual = VisualTokens(torch.rand(2, 3, 4), torch.rand(2, 3, 4))
    words, pictures = named.obj_order_embedding.weight, named.img_order_embedding.weight
    torch.testing.assert_close(
        named(visual) - bare(visual), (words[[9, 8, 7]] + pictures[0])[None].expand(2, -1, -1)
    )


def test_individual_norms_stand_behind_each_part_and_the_other_behind_the_sum() -> None:
    assert len(embedding().feat_embedding) == len(embedding().absolute_vis_pos_embedding) == 2
    assert embedding().layer_norm is None
    joint = embedding(individual_vis_layer_norm=False)
    assert len(joint.feat_embedding) == 1
    out = joint(VisualTokens(torch.rand(1, 2, 4), torch.rand(1, 2, 4)))
    torch.testing.assert_close(out.mean(-1), torch.zeros(1, 2), atol=1e-5, rtol=0)


def grid(tokens: int, pictures: int = 1) -> VisualTokens:
    features = torch.arange(tokens * pictures, dtype=torch.float)[None, :, None].expand(1, -1, 2)
    ids = torch.arange(pictures).repeat_interleave(tokens)[None] if pictures > 1 else None
    return VisualTokens(features, torch.zeros(1, tokens * pictures, 4), None, ids, ids)


def kept(visual: VisualTokens, **arguments: object) -> list[float]:
    reduce = reduction(VLSpec(**arguments))  # type: ignore[arg-type]
    assert reduce is not None
    out = reduce(visual)
    assert out.boxes.shape[1] == out.features.shape[1]
    return out.features[0, :, 0].tolist()


def test_downsample_takes_the_largest_of_each_cell() -> None:
    assert kept(grid(16), downsample=True, n_boxes=4) == [5, 7, 13, 15]


def test_oneddownsample_takes_the_largest_of_each_stretch() -> None:
    assert kept(grid(6), oneddownsample=True, n_boxes=3) == [1, 3, 5]


def test_two_pictures_are_pooled_apart() -> None:
    assert kept(grid(4, 2), oneddownsample=True, n_boxes=2) == [1, 3, 5, 7]


@pytest.mark.parametrize(("tokens", "why"), [(5, "square grid"), (1, "fewer than the 4")])
def test_features_that_cannot_be_pooled_are_one_sentence(tokens: int, why: str) -> None:
    with pytest.raises(UserError, match=why):
        kept(grid(tokens), downsample=True, n_boxes=4)


def test_sparse_sampling_keeps_the_order_and_the_mask_with_its_tokens() -> None:
    tokens = torch.arange(9.0).repeat(3, 1)[..., None]
    mask = tokens[..., 0] < 5
    some, some_mask = sparse_sample(tokens, mask, 4)
    assert some.shape == (3, 4, 1)
    assert (some.diff(dim=1) > 0).all()
    assert ((some[..., 0] < 5) == some_mask).all()
