"""Bad specs for the rules of adapters of all kinds and task names."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R1",
        severity="error",
        spec="""{
    task: "vqa",
    use_adapter: true,
    use_lora: false,
    use_compacter: true,
}
""",
        message=(
            "use_adapter and use_compacter are on together; a model holds one kind of adapter."
        ),
        fix="Keep one of them, for example use_adapter: true, and set the other to false.",
        at=(3, 5),
        path="use_adapter",
        places=("use_compacter",),
        mended="""{
    task: "vqa",
    use_adapter: true,
    use_lora: false,
    use_compacter: false,
}
""",
    ),
    Case(
        code="R6",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    use_single_adapter: true,
    share_up_sampler: true,
}
""",
        message=(
            "share_up_sampler has no effect: it is read only with one adapter per task: "
            "with use_single_adapter: true every task has the same one."
        ),
        fix="Remove it, or set use_single_adapter: false.",
        at=(6, 5),
        path="share_up_sampler",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    share_up_sampler: true,
}
""",
    ),
    Case(
        code="R7",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    share_up_sampler: true,
}
""",
        message=(
            "share_up_sampler has no effect: it is read only with several tasks: one "
            "task shares with itself."
        ),
        fix="Name several tasks, or remove it.",
        at=(4, 5),
        path="share_up_sampler",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    share_up_sampler: true,
}
""",
    ),
    Case(
        code="R7",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_hyperformer: true,
    unique_hyper_net: true,
    share_down_sampler: true,
    share_up_sampler: true,
}
""",
        message=(
            "share_down_sampler and share_up_sampler have no effect: they are read only "
            "by use_adapter, use_compacter and use_lradapter; the hyperformer owns no "
            "modules per task."
        ),
        fix="Remove them.",
        at=(6, 5),
        path="share_down_sampler",
        places=("share_up_sampler",),
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_hyperformer: true,
    unique_hyper_net: true,
}
""",
    ),
    Case(
        code="R11",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    low_rank_rank: 2,
}
""",
        message="low_rank_rank has no effect: it is read only with use_lradapter: true.",
        fix="Set use_lradapter: true, or remove it.",
        at=(4, 5),
        path="low_rank_rank",
        mended="""{
    task: "vqa",
    use_lradapter: true,
    low_rank_rank: 2,
}
""",
    ),
    Case(
        code="R12",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
    use_adapter: true,
    reduction_factor: 1024,
}
""",
        message=(
            "reduction_factor is 1024 and the model is 768 wide, so adapters would have no width."
        ),
        fix="Set reduction_factor to at most 768; the default is 16.",
        at=(5, 5),
        path="reduction_factor",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
    use_adapter: true,
    reduction_factor: 768,
}
""",
    ),
    Case(
        code="R13",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
    use_adapter: true,
    reduction_factor: 10,
}
""",
        message=(
            "reduction_factor is 10 and does not divide the model width 768, so the "
            "bottleneck is rounded down to 76."
        ),
        fix="Set reduction_factor to 8 or 12.",
        at=(5, 5),
        path="reduction_factor",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
    use_adapter: true,
    reduction_factor: 12,
}
""",
    ),
    Case(
        code="R13",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "t5-small",
    use_lradapter: true,
    reduction_factor: 300,
}
""",
        message=(
            "reduction_factor is 300 and does not divide the model width 512, so the "
            "bottleneck is rounded down to 1."
        ),
        fix="Set reduction_factor to 256 or 512.",
        at=(5, 5),
        path="reduction_factor",
        mended="""{
    task: "vqa",
    backbone: "t5-small",
    use_lradapter: true,
    reduction_factor: 256,
}
""",
    ),
    Case(
        code="R14",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_lradapter: true,
    low_rank_rank: 64,
}
""",
        message=(
            "low_rank_rank is 64 and the bottleneck is 48 wide; a rank above 48 adds "
            "parameters and nothing else."
        ),
        fix=("Set low_rank_rank to at most 48, or take use_adapter, whose projections are full."),
        at=(5, 5),
        path="low_rank_rank",
        mended="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_lradapter: true,
    low_rank_rank: 48,
}
""",
    ),
    Case(
        code="R15",
        severity="warning",
        spec="""{
    task: "vqa",
    use_lora: true,
    reduction_factor: 8,
    add_layer_norm_before_adapter: true,
}
""",
        message=(
            "reduction_factor and add_layer_norm_before_adapter have no effect: they "
            "are read only with an adapter kind (use_adapter, use_hyperformer, "
            "use_compacter or use_lradapter)."
        ),
        fix="Switch an adapter kind on, or remove them.",
        at=(4, 5),
        path="reduction_factor",
        places=("add_layer_norm_before_adapter",),
        mended="""{
    task: "vqa",
    use_adapter: true,
    reduction_factor: 8,
    add_layer_norm_before_adapter: true,
}
""",
    ),
    Case(
        code="R17",
        severity="error",
        spec="""{
    task: "gqa",
    use_adapter: true,
    tasks: "vqa,nlvr",
}
""",
        message=(
            'use_adapter keeps parameters for "vqa" and "nlvr", the names in tasks, and '
            'the run trains on "gqa".'
        ),
        fix='Add "gqa" to tasks, or remove tasks.',
        at=(4, 5),
        path="tasks",
        mended="""{
    task: "gqa",
    use_adapter: true,
    tasks: "vqa,nlvr,gqa",
}
""",
    ),
    Case(
        code="R17",
        severity="error",
        spec="""{
    task: "vqa",
    tasks: ["caption"],
    preset: "multiple_lora",
    encoder_prompt_len: 20,
}
""",
        message=(
            'use_lora and encoder_prompt_len keep parameters for "caption", the names '
            'in tasks, and the run trains on "vqa".'
        ),
        fix='Add "vqa" to tasks, or remove tasks.',
        at=(3, 5),
        path="tasks",
        mended="""{
    task: "vqa",
    preset: "multiple_lora",
    encoder_prompt_len: 20,
}
""",
    ),
    Case(
        code="R34",
        severity="error",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_lora: true,
    track_z: true,
}
""",
        message="track_z averages over the adapters of the model, and no adapter kind is on.",
        fix=("Set track_z: false, or switch an adapter kind on, for example use_adapter: true."),
        at=(5, 5),
        path="track_z",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_lora: true,
    track_z: false,
}
""",
    ),
    Case(
        code="R35",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    track_z: true,
}
""",
        message=(
            "track_z has no effect: it is read only by multitask runs: only they add "
            "the z term to the loss."
        ),
        fix='Remove it, or set task: "multitask".',
        at=(4, 5),
        path="track_z",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    track_z: true,
}
""",
    ),
    Case(
        code="R36",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    lambda_z: 0.01,
}
""",
        message="lambda_z has no effect: it is read only with track_z: true.",
        fix="Set track_z: true, or remove it.",
        at=(5, 5),
        path="lambda_z",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
    lambda_z: 0.01,
    track_z: true,
}
""",
    ),
    Case(
        code="R46",
        severity="error",
        spec="""{
    task: "vqa",
    use_adapter: true,
    tasks: "vqa,,gqa",
}
""",
        message="tasks holds an empty name.",
        fix='Remove what is left over: tasks: "vqa,gqa".',
        at=(4, 5),
        path="tasks",
        mended="""{
    task: "vqa",
    use_adapter: true,
    tasks: "vqa,gqa",
}
""",
    ),
    Case(
        code="R46",
        severity="error",
        spec="""{
    task: "vqa",
    use_adapter: true,
    tasks: ["vqa", "vqa.v2"],
}
""",
        message='tasks names "vqa.v2"; a dot cannot stand in a name that parameters carry.',
        fix="Use task names without a dot (`vlcli list tasks` shows those there are).",
        at=(4, 5),
        path="tasks",
        mended="""{
    task: "vqa",
    use_adapter: true,
    tasks: ["vqa"],
}
""",
    ),
    Case(
        code="R132",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa, gqa, vqa",
    use_adapter: true,
}
""",
        message=(
            'tasks names "vqa" more than once; a task has one set of parameters all the same.'
        ),
        fix='Name each task once: tasks: "vqa,gqa".',
        at=(3, 5),
        path="tasks",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_adapter: true,
}
""",
    ),
]

GONE: dict[str, str] = {
    "R16": (
        "`tasks` is never empty where one task trains: absent, it is [`task`]; a "
        "multitask run without it is R107."
    ),
}

REPAIRED: dict[str, str] = {
    "R18": (
        "Every batch carries the name of its task, pretraining, refcoco, vcr and mmt "
        "included, and each of them is a key that `tasks` can hold."
    ),
}
