"""LoRA: what else trains with it, and a scale of nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

# What carries a bias beside the visual embedding, which trains anyway.
BIASES = {
    "bart": "those of all linear layers and layer norms",
    "t5": "T5's relative position biases",
    None: "whatever has `bias` in its name",
}


@rule(RULES, "R22", "warning", "LoRA beside adapters", "use_lora " + " ".join(facts.ADAPTER_KINDS))
def lora_beside_adapters(run: Run) -> Iterator[Finding]:
    """LoRA changes attention projections, adapters stand behind whole sub-layers, so both can be in
    one model and both train. That is rarely meant: the number of trainable parameters is the sum,
    and LoRA trains all biases beside."""
    kinds = facts.adapter_kinds(run)
    if run.use_lora and kinds:
        yield Finding(
            ("use_lora", *kinds),
            f"use_lora and {listed(kinds)} are on together, and {_all_of(kinds)} will train.",
            f"Set use_lora or {listed(kinds)} to false, unless you want them together.",
        )


def _all_of(kinds: list[str]) -> str:
    return "both" if len(kinds) == 1 else "all"


@rule(RULES, "R23", "warning", "LoRA also trains biases", "use_lora feature_type")
def lora_trains_biases(run: Run) -> Iterator[Finding]:
    """With use_lora, every parameter with `bias` in its name trains as well (the idea of BitFit):
    those of BART's linear layers and layer norms, T5's relative position biases, and those of an
    image tower that is part of the model. The published results of LoRA include them, so that they
    are kept here; a comparison with LoRA elsewhere should count them."""
    if not run.use_lora or run.unfreeze_language_model:
        return
    tower = " and those of the image tower" if facts.sees(run) and facts.is_raw(run) else ""
    yield Finding(
        ("use_lora",),
        f"use_lora also trains biases, as published: {BIASES[facts.family(run)]}{tower}.",
        "Count them when you compare; to keep biases frozen, use another method, such as "
        "use_adapter: true.",
    )


@rule(RULES, "R144", "error", "LoRA has a scale", "lora_alpha use_lora")
def lora_has_scale(run: Run) -> Iterator[Finding]:
    """The update of LoRA is multiplied by lora_alpha / lora_dim. With lora_alpha: 0 it is always 0,
    and so are its gradients: nothing is learned."""
    if run.use_lora and run.lora_alpha == 0:
        yield Finding(
            ("lora_alpha",),
            "lora_alpha is 0, so every LoRA update is multiplied by 0 and learns nothing.",
            "Set lora_alpha above 0; the default is 32.",
        )
