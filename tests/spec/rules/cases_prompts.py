"""Bad specs for the rules of prompts and prefixes."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R28",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    decoder_prompt_len: 1010,
}
""",
        message=(
            "decoder_prompt_len 1010 and gen_max_length 20 need 1030 decoder positions, "
            "and facebook/bart-base has 1024."
        ),
        fix="Lower decoder_prompt_len or gen_max_length: together they may be at most 1024.",
        at=(4, 5),
        path="decoder_prompt_len",
        mended="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    decoder_prompt_len: 1004,
}
""",
    ),
    Case(
        code="R28",
        severity="error",
        spec="""{
    task: "caption",
    backbone: "facebook/bart-base",
    decoder_prompt_len: 40,
    gen_max_length: 1000,
}
""",
        message=(
            "decoder_prompt_len 40 and gen_max_length 1000 need 1040 decoder positions, "
            "and facebook/bart-base has 1024."
        ),
        fix="Lower decoder_prompt_len or gen_max_length: together they may be at most 1024.",
        at=(4, 5),
        path="decoder_prompt_len",
        places=("gen_max_length",),
        mended="""{
    task: "caption",
    backbone: "facebook/bart-base",
    decoder_prompt_len: 40,
    gen_max_length: 984,
}
""",
    ),
    Case(
        code="R28",
        severity="error",
        spec="""{
    task: "caption",
    backbone: "facebook/bart-base",
    use_adapter: true,
    gen_max_length: 1100,
}
""",
        message=(
            "gen_max_length 1100 needs 1100 decoder positions, and facebook/bart-base has 1024."
        ),
        fix="Set gen_max_length to at most 1024.",
        at=(5, 5),
        path="gen_max_length",
        mended="""{
    task: "caption",
    backbone: "facebook/bart-base",
    use_adapter: true,
    gen_max_length: 1024,
}
""",
    ),
    Case(
        code="R29",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    use_single_prompt: true,
}
""",
        message=(
            "use_single_prompt has no effect: it is read only with prompts "
            "(encoder_prompt_len or decoder_prompt_len above 0)."
        ),
        fix="Set a prompt length, or remove it.",
        at=(4, 5),
        path="use_single_prompt",
        mended="""{
    task: "vqa",
    encoder_prompt_len: 40,
    use_single_prompt: true,
}
""",
    ),
    Case(
        code="R29",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    mid_dim: 800,
}
""",
        message=(
            "mid_dim has no effect: it is read only with prompts or with use_attn_prefix: true."
        ),
        fix="Set a prompt length or use_attn_prefix: true, or remove it.",
        at=(4, 5),
        path="mid_dim",
        mended="""{
    task: "vqa",
    encoder_prompt_len: 40,
    mid_dim: 800,
}
""",
    ),
    Case(
        code="R143",
        severity="error",
        spec="""{
    task: "vqa",
    use_attn_prefix: true,
    decoder_prompt_len: 0,
}
""",
        message=(
            "use_attn_prefix is on, and encoder_prompt_len and decoder_prompt_len, "
            "which give its length, are both 0."
        ),
        fix=(
            "Set encoder_prompt_len or decoder_prompt_len, for example "
            "encoder_prompt_len: 40, or use_attn_prefix: false."
        ),
        at=(3, 5),
        path="use_attn_prefix",
        places=("decoder_prompt_len",),
        mended="""{
    task: "vqa",
    use_attn_prefix: true,
    encoder_prompt_len: 40,
    decoder_prompt_len: 0,
}
""",
    ),
    Case(
        code="R145",
        severity="error",
        spec="""{
    task: "tvqa",
    backbone: "facebook/bart-base",
    use_adapter: true,
    max_text_length: 1200,
}
""",
        message="max_text_length is 1200 and facebook/bart-base has 1024 positions for text.",
        fix="Set max_text_length to at most 1024.",
        at=(5, 5),
        path="max_text_length",
        mended="""{
    task: "tvqa",
    backbone: "facebook/bart-base",
    use_adapter: true,
    max_text_length: 1024,
}
""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R24": "A prompt is made at the width of the backbone.",
    "R25": (
        "Decoder prompts work on T5: its decoder runs over the prompt and keeps the "
        "keys and values of self-attention, as BART's does."
    ),
    "R26": (
        "The pass that runs a decoder prompt knows the task, so adapters and LoRA take part in it."
    ),
    "R27": "Decoder prompts and the mask of visual tokens go together.",
    "R30": "The attention prefix works on T5 as on BART.",
    "R31": "The attention prefix works in every task.",
    "R32": (
        "The attention prefix takes its lengths from encoder_prompt_len and "
        "decoder_prompt_len, trains, and may be of length 0 on either side (both: "
        "R143)."
    ),
    "R33": "The output adapter is built on both backbones, with GELU between its projections.",
}
