"""Learned vectors in front of text or attention."""

from .. import needs
from ..fields import Group, arg


class PromptArgs(Group):
    """Prompts"""

    encoder_prompt_len: int = arg(0, "Learned vectors in front of the encoder's text.", ge=0)
    decoder_prompt_len: int = arg(0, "Learned vectors in front of the decoder's text.", ge=0)
    use_single_prompt: bool = arg(
        False,
        "One prompt that all tasks share; false gives each task its own.",
        needs=needs.PROMPTS,
    )
    mid_dim: int = arg(
        768, "Hidden width of the network that makes prompts.", ge=1, needs=needs.PROMPT_MLP
    )
    use_attn_prefix: bool = arg(
        False,
        "Learned keys and values in front of every self-attention layer's own (prefix tuning), "
        "encoder_prompt_len in the encoder and decoder_prompt_len in the decoder.",
    )
