"""VL-BART: the joint encoder, decoder and head on stock BART layers.

B batch, L text tokens (prompt included), N visual tokens, S = L + N, T target tokens, D model
width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlcli.peft.prefix import Pairs
from vlcli.peft.sites import Anatomy, Kind, Projection, Site, Stack
from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs

from .architecture import VLArchitecture
from .joint import Encoded, JointEncoder, prefixed, split_heads
from .visual_embedding import (
    ExpandVisualEmbedding,
    VisualEmbedding,
    VisualTokens,
    VisualTransformer,
)


class JointBartEncoder(JointEncoder):
    """BART's encoder layers over text and pictures; only text has learned positions."""

    def __init__(
        self,
        stock: Any,
        words: nn.Embedding,
        args: VisualEmbeddingArgs,
        feature_width: int,
    ) -> None:
        super().__init__(args, stock.config.pad_token_id)
        self.embed_tokens = stock.embed_tokens
        self.embed_positions = stock.embed_positions
        self.layers = stock.layers
        self.layernorm_embedding = stock.layernorm_embedding
        self.dropout = stock.config.dropout
        self.share_layer_norm = args.share_vis_lang_layer_norm
        self.visual_embedding = None
        if args.use_vision:
            self.visual_embedding = visual_embedding(args, feature_width, words)
            for module in self.visual_embedding.modules():
                if module is not words:
                    stock._init_weights(module)

    def forward(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        states = self.embed_tokens(input_ids) + self.embed_positions(input_ids)
        if prompt is not None:
            states = torch.cat([prompt.to(states.dtype), states], dim=1)
        mask = self.text_mask(input_ids, prompt)
        text = states.shape[1]
        if not self.share_layer_norm:
            states = self.layernorm_embedding(states)
        if visual is not None:
            seen, seen_mask = self.see(visual)
            states = torch.cat([states, seen], dim=1)
            mask = torch.cat([mask, seen_mask], dim=1)
        if self.share_layer_norm:
            states = self.layernorm_embedding(states)
        if self.library is not None:
            states = self.library.embedded(states, text)
        states = functional.dropout(states, self.dropout, self.training)
        added_B11S = torch.zeros_like(mask, dtype=states.dtype)[:, None, None, :]
        added_B11S = added_B11S.masked_fill(~mask[:, None, None, :], torch.finfo(states.dtype).min)
        past = None if prefix is None else prefixed(prefix)
        if past is not None:
            added_B11S = functional.pad(added_B11S, (past.get_seq_length(), 0))
        with nullcontext() if past is None else _behind(past, self.layers):
            for layer in self.layers:
                states = layer(states, added_B11S, layer_head_mask=None)[0]
        return Encoded(states, mask)


@contextmanager
def _behind(past: Any, layers: nn.ModuleList) -> Iterator[None]:
    """Gives the attention of encoder layers keys and values in front of their own; stock layers
    have no argument for them."""

    def given(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, {**kwargs, "past_key_values": past}

    spots = [layer.get_submodule("self_attn") for layer in layers]
    hooks = [spot.register_forward_pre_hook(given, with_kwargs=True) for spot in spots]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def visual_embedding(
    args: VisualEmbeddingArgs, feature_width: int, words: nn.Embedding
) -> VisualEmbedding:
    """The visual embedding that the switches ask for."""
    if args.expand_vis_embedding:
        return ExpandVisualEmbedding(args, feature_width, words, nn.LayerNorm)
    between = VisualTransformer(words.embedding_dim) if args.vis_use_transformer else None
    return VisualEmbedding(args, feature_width, words, nn.LayerNorm, between)


class VLBart(VLArchitecture):
    """VL-BART (Cho et al. 2021) on the modules of a stock BART model."""

    family = "bart"

    def assemble(self, stock: Any, args: VisualEmbeddingArgs, feature_width: int) -> None:
        self.model: Any = nn.Module()
        self.model.shared = stock.model.shared
        self.model.encoder = JointBartEncoder(
            stock.model.encoder, stock.model.shared, args, feature_width
        )
        self.model.decoder = stock.model.decoder
        self.lm_head = stock.lm_head
        self.final_logits_bias: Tensor
        self.register_buffer("final_logits_bias", stock.final_logits_bias)

        self.start = stock._init_weights

    def anatomy(self) -> Anatomy:
        encoder, decoder = self.model.encoder, self.model.decoder
        sites: list[Site] = []
        projections: list[Projection] = []
        stacks: dict[Stack, Any] = {"encoder": encoder.layers, "decoder": decoder.layers}
        for stack, layers in stacks.items():
            own = "attn_adapter" if stack == "encoder" else "self_attn_adapter"
            for number, layer in enumerate(layers):
                spots: list[tuple[Kind, str, nn.Module]] = [("self", own, layer.self_attn)]
                if stack == "decoder":
                    spots.append(("cross", "enc_attn_adapter", layer.encoder_attn))
                for _, _, attention in spots:
                    for letter in "qkvo":
                        name = "out_proj" if letter == "o" else f"{letter}_proj"
                        projections.append(Projection(attention, name, letter))
                projections += [Projection(layer, name, "ff") for name in ("fc1", "fc2")]
                spots.append(("ff", "ff_adapter", layer.fc2))
                sites += [Site(stack, number, kind, layer, at, spot) for kind, at, spot in spots]
        return Anatomy(
            width=self.config.d_model,
            root=self.model,
            encoder=encoder,
            decoder=decoder,
            sites=tuple(sites),
            projections=tuple(projections),
            layers={"encoder": len(encoder.layers), "decoder": len(decoder.layers)},
            heads=self.config.encoder_attention_heads,
            head_width=self.config.d_model // self.config.encoder_attention_heads,
            one_place=True,
            start=self.start,
        )

    def see_and_read(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        encoded: Encoded = self.model.encoder(input_ids, visual, prompt, prefix)
        return encoded

    def read_prompt(self, prompt: Tensor, past: Any) -> None:
        self.model.decoder(inputs_embeds=prompt, past_key_values=past, use_cache=True)

    def decode(self, ids: Tensor, encoded: Encoded, **steps: Any) -> Any:
        return self.model.decoder(
            input_ids=ids,
            encoder_hidden_states=encoded.states,
            encoder_attention_mask=encoded.mask.long(),
            **{"use_cache": False, **steps},
        )

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        scores: Tensor = self.lm_head(hidden) + self.final_logits_bias[0]
        return scores

    def first_ids(self) -> list[int]:
        return [self.config.decoder_start_token_id, self.config.bos_token_id]

    def cross_attention(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        found = []
        for layer in self.model.decoder.layers:
            attention = layer.encoder_attn
            keys, values = attention.k_proj(states), attention.v_proj(states)
            heads = attention.num_heads
            found.append((split_heads(keys, heads), split_heads(values, heads)))
        return found
