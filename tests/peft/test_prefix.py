"""Attention prefixes: every row and head gets the vectors that are its own, in front of its keys
and values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache
from transformers.cache_utils import DynamicCache

from tests.peft.tried import FAMILIES, PREFIX, batch_of, fresh
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.joint import split_heads
from vlcli.peft.sites import Stack

both = pytest.mark.parametrize("family", FAMILIES)
Pairs = list[tuple[Tensor, Tensor]]


def built_with_prefix(family: str) -> VLArchitecture:
    """With prefixes as large as other keys and values, so that they matter."""
    built = fresh(family, **PREFIX)
    assert built.tuning is not None
    torch.manual_seed(4)
    for prefix in built.tuning.prefixes.values():
        for parameter in prefix.parameters():
            nn.init.normal_(parameter, std=0.7)
    return built


@torch.no_grad()
def pairs_by_hand(built: VLArchitecture, stack: Stack) -> Pairs:
    """What the network gives for each vector: layer by layer its key, then its value, head by
    head; (H, P, h) each."""
    assert built.tuning is not None
    table, *layers = built.tuning.prefixes[stack]
    assert isinstance(table, nn.Embedding)
    given = table.weight
    for layer in layers:
        given = layer(given)
    anatomy = built.anatomy()
    size = anatomy.heads * anatomy.head_width
    rows = given.split(size, dim=1)
    heads = [row.view(len(row), anatomy.heads, -1).transpose(0, 1) for row in rows]
    return list(zip(heads[0::2], heads[1::2], strict=True))


class Heard:
    """What the self-attentions of the encoder read and gave."""

    def __init__(self, attentions: list[nn.Module]) -> None:
        self.read: list[Tensor] = []
        self.gave: list[Tensor] = []
        for attention in attentions:
            attention.register_forward_hook(self.hook, with_kwargs=True)

    def hook(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        self.read.append(args[0] if args else kwargs["hidden_states"])
        self.gave.append(output[0])


def self_attentions(built: VLArchitecture) -> list[Any]:
    return [
        site.spot for site in built.anatomy().sites if site[0] == "encoder" and site[2] == "self"
    ]


def projections(family: str, attention: Any) -> list[Any]:
    names = ("q", "k", "v", "o") if family == "t5" else ("q_proj", "k_proj", "v_proj", "out_proj")
    return [getattr(attention, name) for name in names]


@torch.no_grad()
def scores_added(built: Any, batch: VLBatch, mask: Tensor) -> Tensor:
    """(B, H or 1, S, S): what is added to the scores of the keys that are no prefix."""
    if built.family == "t5":
        bias: Tensor = built.encoder.position_bias(batch.input_ids.shape[1], mask)
        return bias
    return torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)[:, None, None, :]


@both
@torch.no_grad()
def test_the_encoders_attention_is_plain_attention_over_prefix_and_states(family: str) -> None:
    built = built_with_prefix(family)
    attentions = self_attentions(built)
    heard = Heard(attentions)
    batch = batch_of(built)
    encoded = built.encode(batch)
    added = scores_added(built, batch, encoded.mask)
    heads, there = built.anatomy().heads, encoded.mask[..., None]
    for layer, (keys, values) in enumerate(pairs_by_hand(built, "encoder")):
        q, k, v, o = projections(family, attentions[layer])
        x = heard.read[layer]
        own = [split_heads(part(x), heads) for part in (q, k, v)]
        K = torch.cat([keys.expand(len(x), -1, -1, -1), own[1]], dim=2)
        V = torch.cat([values.expand(len(x), -1, -1, -1), own[2]], dim=2)
        scale = 1.0 if family == "t5" else built.anatomy().head_width ** -0.5
        scores = own[0] @ K.transpose(2, 3) * scale
        scores[..., keys.shape[1] :] += added
        seen = scores.softmax(-1) @ V
        by_hand = o(seen.transpose(1, 2).flatten(2))
        gave = heard.gave[layer]
        torch.testing.assert_close(gave * there, by_hand * there, atol=1e-5, rtol=1e-4)


@both
@torch.no_grad()
def test_a_prefix_of_real_tokens_is_as_good_as_the_tokens(family: str) -> None:
    """The decoder's keys and values of the first tokens, given as a prefix, leave the states of
    the others as they were."""
    built = built_with_prefix(family)
    assert built.tuning is not None
    batch = batch_of(built)
    encoded = built.encode(batch)
    one = type(encoded)(encoded.states[:1], encoded.mask[:1])
    ids = built.shifted(batch.labels)[:1]
    ids = torch.cat([ids, torch.tensor([[7, 11, 13]])], dim=1)
    P = built.tuning.prefixes["decoder"].size[0]

    past = EncoderDecoderCache(DynamicCache(), DynamicCache())
    whole = built.decode(ids, one, past_key_values=past, use_cache=True).last_hidden_state
    kept: list[Any] = past.self_attention_cache.layers
    real = [(layer.keys, layer.values) for layer in kept]
    _give(built, [(keys[:, :, :P], values[:, :, :P]) for keys, values in real])
    rest = built.decode_all(ids[:, P:], one)
    torch.testing.assert_close(rest, whole[:, P:], atol=1e-5, rtol=1e-4)


def _give(built: VLArchitecture, pairs: Pairs) -> None:
    """Make the decoder's prefix these keys and values (1, H, P, h)."""
    assert built.tuning is not None
    parts = [part[0].transpose(0, 1).flatten(1) for pair in pairs for part in pair]
    prefix = built.tuning.prefixes["decoder"]
    prefix[0] = nn.Embedding.from_pretrained(torch.cat(parts, dim=1))
    for place in range(1, len(prefix)):
        prefix[place] = nn.Identity()


@both
def test_a_prefix_matters_to_both_stacks(family: str) -> None:
    built, plain = built_with_prefix(family), fresh(family)
    plain.load_state_dict(built.state_dict(), strict=False)
    batch = batch_of(built)
    with torch.no_grad():
        ours, theirs = built.encode(batch), plain.encode(batch)
        ids = built.shifted(batch.labels)
        assert not torch.allclose(ours.states, theirs.states, atol=1e-3)
        assert not torch.allclose(
            built.decode_all(ids, theirs), plain.decode_all(ids, theirs), atol=1e-3
        )
