"""Bad specs for the rules of the hyperformer."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R2",
        severity="error",
        spec="""{
    task: "vqa",
    unique_hyper_net: false,
    use_hyperformer: true,
}
""",
        message=(
            "use_hyperformer is on, and neither unique_hyper_net nor "
            "efficient_unique_hyper_net says what generates its adapters."
        ),
        fix=(
            "Set unique_hyper_net: true, or efficient_unique_hyper_net: true for fewer parameters."
        ),
        at=(3, 5),
        path="unique_hyper_net",
        places=("use_hyperformer",),
        mended="""{
    task: "vqa",
    unique_hyper_net: true,
    use_hyperformer: true,
}
""",
    ),
    Case(
        code="R3",
        severity="warning",
        spec="""{
    task: "vqa",
    use_hyperformer: true,
    unique_hyper_net: true,
    efficient_unique_hyper_net: true,
}
""",
        message=(
            "unique_hyper_net and efficient_unique_hyper_net are both on; the efficient "
            "one is built and unique_hyper_net has no effect."
        ),
        fix="Keep the one you mean and set the other to false.",
        at=(4, 5),
        path="unique_hyper_net",
        places=("efficient_unique_hyper_net",),
        mended="""{
    task: "vqa",
    use_hyperformer: true,
    unique_hyper_net: false,
    efficient_unique_hyper_net: true,
}
""",
    ),
    Case(
        code="R4",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    unique_hyper_net: true,
    projected_task_embedding_dim: 8,
}
""",
        message=(
            "unique_hyper_net and projected_task_embedding_dim have no effect: they are "
            "read only with use_hyperformer: true."
        ),
        fix="Set use_hyperformer: true, or remove them.",
        at=(4, 5),
        path="unique_hyper_net",
        places=("projected_task_embedding_dim",),
        mended="""{
    task: "vqa",
    use_hyperformer: true,
    unique_hyper_net: true,
    projected_task_embedding_dim: 8,
}
""",
    ),
    Case(
        code="R5",
        severity="error",
        spec="""{
    task: "vqa",
    preset: "hyperformer",
    projected_task_embedding_dim: 0,
}
""",
        message="projected_task_embedding_dim is 0, a task embedding without width.",
        fix="Set it to at least 1, or to -1, which means 64.",
        at=(4, 5),
        path="projected_task_embedding_dim",
        mended="""{
    task: "vqa",
    preset: "hyperformer",
    projected_task_embedding_dim: -1,
}
""",
    ),
    Case(
        code="R5",
        severity="error",
        spec="""{
    task: "vqa",
    preset: "hyperformer",
    projected_task_embedding_dim: -2,
}
""",
        message=(
            "projected_task_embedding_dim is -2; it must be -1 (which means 64) or a "
            "whole number of at least 1."
        ),
        fix="Mend the value; the default is -1.",
        at=(4, 5),
        path="projected_task_embedding_dim",
        mended="""{
    task: "vqa",
    preset: "hyperformer",
    projected_task_embedding_dim: 1,
}
""",
    ),
    Case(
        code="R37",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    backbone: "facebook/bart-base",
    preset: "hyperformer",
    track_z: true,
}
""",
        message=(
            "On BART, the z term of a hyperformer counts the feed-forward adapters "
            "alone, not those of attention."
        ),
        fix="Set track_z: false, or take use_adapter, which counts every adapter.",
        at=(6, 5),
        path="track_z",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    backbone: "facebook/bart-base",
    preset: "hyperformer",
    track_z: false,
}
""",
    ),
    Case(
        code="R44",
        severity="warning",
        spec="""{
    task: "vqa",
    preset: "hyperformer",
    add_adapter_cross_attn: false,
}
""",
        message=(
            "add_adapter_cross_attn: false saves a hyperformer no parameters: what "
            "generates the cross-attention adapters is built and counted all the same."
        ),
        fix=("Remove add_adapter_cross_attn, unless cross-attention is to go without adapters."),
        at=(4, 5),
        path="add_adapter_cross_attn",
        mended="""{
    task: "vqa",
    preset: "hyperformer",
}
""",
    ),
    Case(
        code="R45",
        severity="warning",
        spec="""{
    task: "vqa",
    preset: "hyperformer",
    add_layer_norm_after_adapter: true,
}
""",
        message=(
            "A hyperformer generates the layer norm of add_layer_norm_after_adapter, so "
            "its scale starts near 0, not at 1."
        ),
        fix="Remove add_layer_norm_after_adapter, unless you want that start.",
        at=(4, 5),
        path="add_layer_norm_after_adapter",
        mended="""{
    task: "vqa",
    preset: "hyperformer",
}
""",
    ),
    Case(
        code="R45",
        severity="warning",
        spec="""{
    task: "vqa",
    use_hyperformer: true,
    efficient_unique_hyper_net: true,
    add_layer_norm_before_adapter: true,
    add_layer_norm_after_adapter: true,
}
""",
        message=(
            "A hyperformer generates the layer norms of add_layer_norm_before_adapter "
            "and add_layer_norm_after_adapter, so their scale starts near 0, not at 1."
        ),
        fix=(
            "Remove add_layer_norm_before_adapter and add_layer_norm_after_adapter, "
            "unless you want that start."
        ),
        at=(5, 5),
        path="add_layer_norm_before_adapter",
        places=("add_layer_norm_after_adapter",),
        mended="""{
    task: "vqa",
    use_hyperformer: true,
    efficient_unique_hyper_net: true,
}
""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {}
