"""VL-T5: the joint encoder, decoder and head on stock T5 blocks.

B batch, L text tokens (prompt included), N visual tokens, S = L + N, T target tokens, H heads,
D model width, V vocabulary.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.t5.modeling_t5 import T5LayerNorm

from vlcli.peft.prefix import Pairs
from vlcli.peft.sites import Anatomy, Projection, Site, Stack
from vlcli.quick import quicken
from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs

from .architecture import VLArchitecture
from .joint import Encoded, JointEncoder, prefixed, split_heads
from .visual_embedding import VisualEmbedding, VisualTokens

MASKED = -1e4  # published; e^-10000 is 0 in every precision, and no sum with it overflows fp16


class JointT5Encoder(JointEncoder):
    """T5's encoder blocks over text and pictures; relative positions only between text tokens."""

    def __init__(self, stock: Any, args: VisualEmbeddingArgs, feature_width: int) -> None:
        super().__init__(args, stock.config.pad_token_id)
        self.embed_tokens = stock.embed_tokens
        self.block = stock.block
        self.final_layer_norm = stock.final_layer_norm
        self.dropout = stock.dropout
        self.visual_embedding = None
        if args.use_vision:
            self.visual_embedding = VisualEmbedding(
                args,
                feature_width,
                stock.embed_tokens,
                partial(T5LayerNorm, eps=stock.config.layer_norm_epsilon),
                layers=args.additional_visual_embedding_layers,
            )

    def forward(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        states = self.embed_tokens(input_ids)
        if prompt is not None:
            states = torch.cat([prompt.to(states.dtype), states], dim=1)
        mask, text = self.text_mask(input_ids, prompt), states.shape[1]
        if visual is not None:
            seen, seen_mask = self.see(visual)
            states = torch.cat([states, seen], dim=1)
            mask = torch.cat([mask, seen_mask], dim=1)
        bias, past = self.position_bias(text, mask), None
        if prefix is not None:
            past = prefixed(prefix)
            bias = functional.pad(bias, (past.get_seq_length(), 0))
        states = self.dropout(states)
        if self.library is not None:
            states = self.library.embedded(states, text)
        for block in self.block:
            states = block(states, position_bias=bias, past_key_values=past)[0]
        return Encoded(self.dropout(self.final_layer_norm(states)), mask)

    def position_bias(self, text: int, mask: Tensor) -> Tensor:
        """What attention scores are given: relative positions within the first `text` tokens, 0
        wherever a picture is involved, and the mask; (B, H, S, S).

        Keys of the library's prefixes come first, as text in front of the text: (B, H, S, P + S).
        """
        seen, ahead = mask.shape[1] - text, self.library.encoder_keys if self.library else 0
        bias = self.block[0].layer[0].SelfAttention.compute_bias(text, ahead + text)
        bias = functional.pad(bias, (0, seen, 0, seen))
        mask = functional.pad(mask, (ahead, 0), value=True)
        return bias + (~mask[:, None, None, :]).to(bias.dtype) * MASKED


class VLT5(VLArchitecture):
    """VL-T5 (Cho et al. 2021) on the modules of a stock T5 v1.0 model."""

    family = "t5"

    def assemble(self, stock: Any, args: VisualEmbeddingArgs, feature_width: int) -> None:
        self.shared: nn.Embedding = stock.shared
        self.encoder = JointT5Encoder(stock.encoder, args, feature_width)
        self.decoder = stock.decoder
        self.lm_head = stock.lm_head
        quicken(self)

    def anatomy(self) -> Anatomy:
        sites: list[Site] = []
        projections: list[Projection] = []
        stacks: dict[Stack, Any] = {"encoder": self.encoder.block, "decoder": self.decoder.block}
        for stack, blocks in stacks.items():
            for number, block in enumerate(blocks):
                own, last = block.layer[0], block.layer[-1]
                sites.append(Site(stack, number, "self", own, "attn_adapter", own.SelfAttention))
                attentions = [own.SelfAttention]
                if stack == "decoder":
                    cross = block.layer[1]
                    spot = cross.EncDecAttention
                    sites.append(Site(stack, number, "cross", cross, "enc_attn_adapter", spot))
                    attentions.append(spot)
                sites.append(Site(stack, number, "ff", last, "ff_adapter", last.DenseReluDense))
                projections += [Projection(each, n, n) for each in attentions for n in "qkvo"]
                dense = last.DenseReluDense
                linear = [n for n, each in dense.named_children() if isinstance(each, nn.Linear)]
                projections += [Projection(dense, name, "ff") for name in linear]
        return Anatomy(
            width=self.config.d_model,
            root=self,
            encoder=self.encoder,
            decoder=self.decoder,
            sites=tuple(sites),
            projections=tuple(projections),
            layers={"encoder": len(self.encoder.block), "decoder": len(self.decoder.block)},
            heads=self.config.num_heads,
            head_width=self.config.d_kv,
            one_place=False,
            start=None,
        )

    def see_and_read(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        encoded: Encoded = self.encoder(input_ids, visual, prompt, prefix)
        return encoded

    def decode(self, ids: Tensor, encoded: Encoded, **steps: Any) -> Any:
        return self.decoder(
            input_ids=ids,
            encoder_hidden_states=encoded.states,
            encoder_attention_mask=encoded.mask.long(),
            **{"use_cache": False, **steps},
        )

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., V); the tied head needs the hidden states scaled by D^-0.5."""
        scores: Tensor = self.lm_head(hidden * hidden.shape[-1] ** -0.5)
        return scores

    def read_prompt(self, prompt: Tensor, past: Any) -> None:
        self.decoder(inputs_embeds=prompt, past_key_values=past, use_cache=True)

    def first_ids(self) -> list[int]:
        return [self.config.decoder_start_token_id]

    def cross_attention(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        found = []
        for block in self.decoder.block:
            attention = block.layer[1].EncDecAttention
            keys, values = attention.k(states), attention.v(states)
            heads = attention.n_heads
            found.append((split_heads(keys, heads), split_heads(values, heads)))
        return found
