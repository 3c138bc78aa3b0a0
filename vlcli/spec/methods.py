"""The tuning methods there are, by the key that switches each on."""

from __future__ import annotations

from typing import Any

METHODS: dict[str, tuple[str, str]] = {
    "adapter": ("use_adapter", "Bottleneck adapters after attention and feed-forward layers"),
    "compacter": ("use_compacter", "Adapters of Kronecker products with shared rules"),
    "lradapter": ("use_lradapter", "Adapters whose projections have a low rank"),
    "hyperformer": ("use_hyperformer", "Adapters generated from task and layer embeddings"),
    "lora": ("use_lora", "Low-rank updates of query and value projections"),
    "encoder_prompt": ("encoder_prompt_len", "Learned vectors in front of the encoder's text"),
    "decoder_prompt": ("decoder_prompt_len", "Learned vectors in front of the decoder's text"),
    "attn_prefix": ("use_attn_prefix", "Learned keys and values in every attention layer"),
    "lm_head_adapter": ("use_lm_head_adapter", "An adapter that adds to the output logits"),
    "library": ("adapter", "A method of the adapters library, by its configuration string"),
    "vis_adapter": ("use_vis_adapter", "Adapters inside the image tower"),
    "full": ("unfreeze_language_model", "Full fine-tuning of the language model"),
}


def methods_on(spec: Any) -> list[str]:
    """The names of the methods that a spec switches on."""
    return [name for name, (key, _) in METHODS.items() if getattr(spec, key)]
