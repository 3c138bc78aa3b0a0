"""The joint encoder of text and pictures, as far as T5 and BART do the same.

B batch, L text tokens (prompt included), N visual tokens, S = L + N, D model width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache

from vlcli.peft.library import LibraryAdapter
from vlcli.peft.prefix import Pairs
from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs

from .downsample import reduction, sparse_sample
from .visual_embedding import VisualEmbedding, VisualTokens


class Encoded(NamedTuple):
    """The encoder's last states (B, S, D), and what of them is there (B, S)."""

    states: Tensor
    mask: Tensor


class JointEncoder(nn.Module):
    """A language model's encoder over [prompt; text; visual tokens]; `forward` gives `Encoded`.

    A subclass owns the parts of its stock encoder under their published names.
    """

    visual_embedding: VisualEmbedding | None
    library: LibraryAdapter | None

    def __init__(self, args: VisualEmbeddingArgs, pad: int) -> None:
        super().__init__()
        self.pad = pad
        self.library = None
        self.reduce = reduction(args)
        pooled = args.downsample or args.oneddownsample
        self.sampled = args.n_boxes if args.sparse_sample and not pooled else None

    def forward(
        self,
        input_ids: Tensor,
        visual: VisualTokens | None = None,
        prompt: Tensor | None = None,
        prefix: Pairs | None = None,
    ) -> Encoded:
        """input_ids (B, L), padded; `prompt` (B, P, D) are vectors in front of the text, `prefix`
        keys and values in front of every layer's own."""
        raise NotImplementedError

    def text_mask(self, input_ids: Tensor, prompt: Tensor | None) -> Tensor:
        """What is there of [prompt; text], (B, L)."""
        mask = input_ids != self.pad
        if prompt is None:
            return mask
        return torch.cat([mask.new_ones(prompt.shape[:2]), mask], dim=1)

    def see(self, visual: VisualTokens) -> tuple[Tensor, Tensor]:
        """Embedded visual tokens (B, N, D) and their mask (B, N)."""
        if self.visual_embedding is None:
            raise ValueError("This model was built without vision (use_vision: false).")
        visual = visual if self.reduce is None else self.reduce(visual)
        tokens = self.visual_embedding(visual)
        mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        if visual.mask is not None:
            mask = visual.mask.bool().repeat_interleave(tokens.shape[1] // visual.mask.shape[1], 1)
        if self.sampled and self.training:
            return sparse_sample(tokens, mask, self.sampled)
        return tokens, mask


def prefixed(prefix: Pairs) -> DynamicCache:
    """A cache that begins with keys and values (B, heads, P, width) for every layer."""
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(prefix):
        cache.update(keys, values, layer)
    return cache


def split_heads(states: Tensor, heads: int) -> Tensor:
    """(B, S, heads x width) -> (B, heads, S, width)."""
    split: Tensor = states.unflatten(2, (heads, -1))
    return split.transpose(1, 2)
