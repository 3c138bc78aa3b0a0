"""Bad specs for the rules of compacter."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R8",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
    use_compacter: true,
    hypercomplex_division: 5,
}
""",
        message=(
            "hypercomplex_division is 5 and does not divide the model width 768 or the "
            "bottleneck width 48 (768 // 16)."
        ),
        fix="Set hypercomplex_division to 4 or 6.",
        at=(5, 5),
        path="hypercomplex_division",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
    use_compacter: true,
    hypercomplex_division: 6,
}
""",
    ),
    Case(
        code="R8",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_compacter: true,
    reduction_factor: 32,
    hypercomplex_division: 16,
}
""",
        message=(
            "hypercomplex_division is 16 and does not divide the bottleneck width 24 (768 // 32)."
        ),
        fix="Set hypercomplex_division to 12 or 24, or change reduction_factor.",
        at=(5, 5),
        path="reduction_factor",
        places=("hypercomplex_division",),
        mended="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_compacter: true,
    reduction_factor: 32,
    hypercomplex_division: 8,
}
""",
    ),
    Case(
        code="R9",
        severity="warning",
        spec="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_compacter: true,
    shared_phm_rule_over_tasks: true,
}
""",
        message=(
            "shared_phm_rule_over_tasks has no effect: it is read only with "
            "shared_phm_rule: false: otherwise one rule serves the whole model already."
        ),
        fix="Set shared_phm_rule: false, or remove it.",
        at=(5, 5),
        path="shared_phm_rule_over_tasks",
        mended="""{
    task: "multitask",
    tasks: "vqa,gqa",
    use_compacter: true,
    shared_phm_rule: false,
    shared_phm_rule_over_tasks: true,
}
""",
    ),
    Case(
        code="R10",
        severity="warning",
        spec="""{
    task: "vqa",
    use_compacter: true,
    factorized_phm: false,
    phm_rank: 2,
}
""",
        message="phm_rank has no effect: it is read only with factorized_phm: true.",
        fix="Set factorized_phm: true, or remove it.",
        at=(5, 5),
        path="phm_rank",
        mended="""{
    task: "vqa",
    use_compacter: true,
    factorized_phm: true,
    phm_rank: 2,
}
""",
    ),
    Case(
        code="R11",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    hypercomplex_division: 2,
    factorized_phm: false,
}
""",
        message=(
            "hypercomplex_division and factorized_phm have no effect: they are read "
            "only with use_compacter: true."
        ),
        fix="Set use_compacter: true, or remove them.",
        at=(4, 5),
        path="hypercomplex_division",
        places=("factorized_phm",),
        mended="""{
    task: "vqa",
    use_compacter: true,
    hypercomplex_division: 2,
    factorized_phm: false,
}
""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {}
