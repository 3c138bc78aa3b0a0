"""Bad specs for the rules of freezing."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R39",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
}
""",
        message=(
            "Only the visual embedding will train: no tuning method is on and nothing is unfrozen."
        ),
        fix=(
            "Switch a method on, for example use_adapter: true, or set "
            "unfreeze_language_model: true."
        ),
        at=(2, 5),
        path="unfreeze_language_model",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
    use_adapter: true,
}
""",
    ),
    Case(
        code="R39",
        severity="warning",
        spec="""{
    task: "vqa",
    classifier: true,
    unfreeze_language_model: false,
}
""",
        message=(
            "Only the visual embedding and the answer head will train: no tuning method "
            "is on and nothing is unfrozen."
        ),
        fix=(
            "Switch a method on, for example use_adapter: true, or set "
            "unfreeze_language_model: true."
        ),
        at=(4, 5),
        path="unfreeze_language_model",
        mended="""{
    task: "vqa",
    classifier: true,
    unfreeze_language_model: true,
}
""",
    ),
    Case(
        code="R40",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    unfreeze_language_model: true,
}
""",
        message="unfreeze_language_model trains the whole language model beside use_adapter.",
        fix="Set unfreeze_language_model: false, or remove use_adapter.",
        at=(3, 5),
        path="use_adapter",
        places=("unfreeze_language_model",),
        mended="""{
    task: "vqa",
    use_adapter: true,
    unfreeze_language_model: false,
}
""",
    ),
    Case(
        code="R40",
        severity="warning",
        spec="""{
    task: "vqa",
    preset: "full_finetuning",
    use_lora: true,
    encoder_prompt_len: 10,
}
""",
        message=(
            "unfreeze_language_model trains the whole language model beside use_lora "
            "and encoder_prompt_len."
        ),
        fix="Set unfreeze_language_model: false, or remove use_lora and encoder_prompt_len.",
        at=(4, 5),
        path="use_lora",
        places=("encoder_prompt_len",),
        mended="""{
    task: "vqa",
    preset: "full_finetuning",
}
""",
    ),
    Case(
        code="R41",
        severity="warning",
        spec="""{
    task: "vqa",
    unfreeze_language_model: true,
    unfreeze_lm_head: true,
}
""",
        message=(
            "unfreeze_lm_head adds nothing: unfreeze_language_model trains the whole "
            "language model already."
        ),
        fix="Remove unfreeze_lm_head.",
        at=(4, 5),
        path="unfreeze_lm_head",
        mended="""{
    task: "vqa",
    unfreeze_language_model: true,
}
""",
    ),
    Case(
        code="R41",
        severity="warning",
        spec="""{
    task: "vqa",
    preset: "full_finetuning",
    unfreeze_lm_head: true,
    unfreeze_layer_norms: true,
}
""",
        message=(
            "unfreeze_lm_head and unfreeze_layer_norms add nothing: "
            "unfreeze_language_model trains the whole language model already."
        ),
        fix="Remove unfreeze_lm_head and unfreeze_layer_norms.",
        at=(4, 5),
        path="unfreeze_lm_head",
        places=("unfreeze_layer_norms",),
        mended="""{
    task: "vqa",
    preset: "full_finetuning",
}
""",
    ),
    Case(
        code="R43",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    freeze_ln_statistics: true,
}
""",
        message=(
            "freeze_ln_statistics has no effect: it is read by nothing: a layer norm "
            "keeps no statistics."
        ),
        fix="Remove it.",
        at=(4, 5),
        path="freeze_ln_statistics",
        mended="""{
    task: "vqa",
    use_adapter: true,
}
""",
    ),
    Case(
        code="R141",
        severity="error",
        spec="""{
    task: "mmt",
    use_vision: false,
}
""",
        message=(
            "use_vision is false, no tuning method is on and nothing is unfrozen, so "
            "nothing would train."
        ),
        fix=(
            "Switch a method on, for example use_adapter: true, or set "
            "unfreeze_language_model: true."
        ),
        at=(3, 5),
        path="use_vision",
        mended="""{
    task: "mmt",
    use_vision: false,
    unfreeze_language_model: true,
}
""",
    ),
    Case(
        code="R142",
        severity="warning",
        spec="""{
    task: "vqa",
    from_scratch: true,
    use_adapter: true,
}
""",
        message="from_scratch gives random weights, and use_adapter leaves them frozen.",
        fix=("Set from_scratch: false, or unfreeze_language_model: true in place of the method."),
        at=(3, 5),
        path="from_scratch",
        mended="""{
    task: "vqa",
    from_scratch: false,
    use_adapter: true,
}
""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R38": "unfreeze_layer_norms finds T5's layer norms too.",
    "R42": "Freezing is done in one place for every task.",
}
