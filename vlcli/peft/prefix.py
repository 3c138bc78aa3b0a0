"""Attention prefixes (Li and Liang 2021): learned keys and values in front of every self-attention
layer's own, shared by all tasks.

P vectors, D model width, H heads, h head width.
"""

from __future__ import annotations

from torch import Tensor, nn

from vlcli.peft.freezing import Tuned
from vlcli.peft.prompts import network, vectors
from vlcli.peft.sites import Anatomy, Stack
from vlcli.spec.groups.prompts import PromptArgs

Pairs = list[tuple[Tensor, Tensor]]  # keys and values of every layer


class AttentionPrefix(nn.Sequential, Tuned):
    """Keys and values for every layer of a stack, out of one small network over P vectors."""

    method = "attn_prefix"

    def __init__(self, anatomy: Anatomy, stack: Stack, length: int, hidden: int) -> None:
        layers, heads, head = anatomy.layers[stack], anatomy.heads, anatomy.head_width
        super().__init__(*network(length, anatomy.width, hidden, 2 * layers * heads * head))
        self.size = (length, layers, 2, heads, head)

    def forward(self, rows: int) -> Pairs:
        """For every layer, keys and values (rows, H, P, h)."""
        pairs = vectors(self).view(self.size).permute(1, 2, 3, 0, 4)
        return [(k.expand(rows, -1, -1, -1), v.expand(rows, -1, -1, -1)) for k, v in pairs]


def attach(anatomy: Anatomy, args: PromptArgs, stack: Stack) -> AttentionPrefix:
    """Put the prefix of one stack into the model, under its published name."""
    inside = stack == "encoder"
    length = args.encoder_prompt_len if inside else args.decoder_prompt_len
    prefix = AttentionPrefix(anatomy, stack, length, args.mid_dim)
    anatomy.begin(prefix)
    owner = anatomy.encoder if inside else anatomy.root
    owner.add_module(f"{stack}_prefix_embedding", prefix)
    return prefix
