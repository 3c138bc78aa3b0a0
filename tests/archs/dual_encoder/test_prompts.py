"""Learned vectors behind the start token of an open_clip text tower (CoOp), and the tower without
them (B17)."""

from __future__ import annotations

from typing import Any

import open_clip
import pytest
import torch
from torch import nn

from vlcli.archs.dual_encoder.towers import Side
from vlcli.spec.problem import UserError
from vlcli.towers.text.open_clip import OpenClipTokenize, OpenClipTower, Prompt

NAME = "ViT-B-32"
CAPTIONS = ["a cat", "a dog", "a red circle in the corner", "word " * 100]


def clip() -> Any:
    torch.manual_seed(0)
    text = open_clip.CLIPTextCfg(context_length=77, vocab_size=49408, width=16, heads=2, layers=2)
    vision = open_clip.CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=8, image_size=16)
    return open_clip.CLIP(12, vision, text)


def tower(prompt: int = 0) -> OpenClipTower:
    return OpenClipTower(NAME, clip(), prompt).eval()


def said(made: OpenClipTower, prompt: int = 0) -> torch.Tensor:
    with torch.no_grad():
        return made(OpenClipTokenize(NAME, prompt)(CAPTIONS))


def test_texts_are_encoded_as_by_open_clip() -> None:
    plain = clip().eval()
    with torch.no_grad():
        wanted = plain.encode_text(open_clip.get_tokenizer(NAME)(CAPTIONS))
    assert torch.equal(said(tower()), wanted)


def test_distinct_captions_have_distinct_features_however_long_the_prompt() -> None:
    for many in (1, 4, 16):
        found = said(tower(many), many)
        apart = (found[:, None] - found[None]).abs().amax(-1) + torch.eye(len(CAPTIONS))
        assert apart.min() > 1e-3


def test_a_prompt_of_no_vectors_changes_nothing() -> None:
    made = tower()
    before = said(made)
    made.text.token_embedding.register_forward_hook(Prompt(0, 16).put)
    assert torch.equal(said(made), before)


def test_the_vectors_stand_behind_the_start_token_and_the_end_is_kept() -> None:
    """As if they were the embeddings of as many words there."""
    made, many = tower(2), 2
    words = OpenClipTokenize(NAME)(["red blue a cat"])["ids"]
    with torch.no_grad():
        assert made.prompt is not None
        made.prompt.vectors.copy_(made.text.token_embedding.weight[words[0, 1:3]])
        wanted = tower()({"ids": words})
        found = made(OpenClipTokenize(NAME, many)(["a cat"]))
    torch.testing.assert_close(found, wanted)
    ids = OpenClipTokenize(NAME, many)(["word " * 100])["ids"]
    assert ids.shape == (1, 77)
    assert ids[0, -1] == 49407


def test_they_alone_train_in_a_locked_tower() -> None:
    side = Side(tower(4), None)
    side.lock(True, "")
    assert [n for n, p in side.named_parameters() if p.requires_grad] == ["tower.prompt.vectors"]
    side.train()(OpenClipTokenize(NAME, 4)(CAPTIONS)).sum().backward()
    gradient = side.tower.prompt.vectors.grad
    assert gradient is not None
    assert gradient.abs().sum(1).min() > 0


def test_what_has_no_room_or_no_place_for_them_is_refused() -> None:
    with pytest.raises(UserError, match="n_prompt is 76, and ViT-B-32 reads 77 tokens"):
        tower(76)

    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text = nn.Linear(2, 2)
            self.text.output_dim = 2
            self.logit_scale = nn.Parameter(torch.zeros(()))

    with pytest.raises(UserError, match="which takes no n_prompt"):
        OpenClipTower("roberta-ViT-B-32", Foreign(), 4)
