"""The rules of VL-T5 and VL-BART runs: all of them."""

from __future__ import annotations

from vlcli.spec.rules import (
    adapters,
    checkpoint,
    compacter,
    compute,
    freezing,
    hyperformer,
    library,
    lora,
    pretraining,
    prompts,
    tasks,
    text,
    training,
    visual_embedding,
    visual_encoder,
    visual_tokens,
)

RULES = (
    *adapters.RULES,
    *compacter.RULES,
    *hyperformer.RULES,
    *lora.RULES,
    *prompts.RULES,
    *library.RULES,
    *freezing.RULES,
    *visual_tokens.RULES,
    *visual_embedding.RULES,
    *visual_encoder.RULES,
    *tasks.RULES,
    *text.RULES,
    *pretraining.RULES,
    *training.RULES,
    *checkpoint.RULES,
    *compute.RULES,
)
