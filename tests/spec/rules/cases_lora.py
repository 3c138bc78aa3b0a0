"""Bad specs for the rules of LoRA."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R20",
        severity="error",
        spec="""{
    task: "vqa",
    use_lora: true,
    lora_dim: 0,
}
""",
        message="lora_dim is 0; it must be a whole number of at least 1.",
        fix="Mend the value; the default is 4.",
        at=(4, 5),
        path="lora_dim",
        mended="""{
    task: "vqa",
    use_lora: true,
    lora_dim: 4,
}
""",
    ),
    Case(
        code="R21",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    lora_dim: 8,
    use_single_lora: true,
}
""",
        message=(
            "lora_dim and use_single_lora have no effect: they are read only with use_lora: true."
        ),
        fix="Set use_lora: true, or remove them.",
        at=(4, 5),
        path="lora_dim",
        places=("use_single_lora",),
        mended="""{
    task: "vqa",
    use_lora: true,
    lora_dim: 8,
    use_single_lora: true,
}
""",
    ),
    Case(
        code="R22",
        severity="warning",
        spec="""{
    task: "vqa",
    use_adapter: true,
    use_lora: true,
}
""",
        message="use_lora and use_adapter are on together, and both will train.",
        fix="Set use_lora or use_adapter to false, unless you want them together.",
        at=(3, 5),
        path="use_adapter",
        places=("use_lora",),
        mended="""{
    task: "vqa",
    use_adapter: true,
    use_lora: false,
}
""",
    ),
    Case(
        code="R23",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_lora: true,
}
""",
        message=(
            "use_lora also trains biases, as published: those of all linear layers and layer norms."
        ),
        fix=(
            "Count them when you compare; to keep biases frozen, use another method, "
            "such as use_adapter: true."
        ),
        at=(4, 5),
        path="use_lora",
        mended="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    use_adapter: true,
}
""",
    ),
    Case(
        code="R23",
        severity="warning",
        spec="""{
    task: "vqa",
    preset: "single_lora",
    feature_type: "raw_RN50",
    freeze_bn_statistics: true,
}
""",
        message=(
            "use_lora also trains biases, as published: T5's relative position biases "
            "and those of the image tower."
        ),
        fix=(
            "Count them when you compare; to keep biases frozen, use another method, "
            "such as use_adapter: true."
        ),
        at=(3, 5),
        path="use_lora",
        mended="""{
    task: "vqa",
    preset: "single_adapter",
    feature_type: "raw_RN50",
    freeze_bn_statistics: true,
}
""",
    ),
    Case(
        code="R144",
        severity="error",
        spec="""{
    task: "vqa",
    use_lora: true,
    lora_alpha: 0,
}
""",
        message="lora_alpha is 0, so every LoRA update is multiplied by 0 and learns nothing.",
        fix="Set lora_alpha above 0; the default is 32.",
        at=(4, 5),
        path="lora_alpha",
        mended="""{
    task: "vqa",
    use_lora: true,
    lora_alpha: 32,
}
""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R19": "LoRA goes into the query and value projections of T5 as into those of BART.",
}
