"""Bad specs for the rules on device, precision and launch flags."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R108",
        severity="error",
        spec="""{
    task: "vqa",
    distributed: true,
    multiGPU: false,
}""",
        message=(
            "distributed is true and multiGPU is false; a run has either several processes or one."
        ),
        fix="Remove both: the launcher says how many processes there are.",
        at=(3, 5),
        path="distributed",
        places=("multiGPU",),
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R108",
        severity="warning",
        spec="""{
    task: "vqa",
    distributed: false,
    multiGPU: true,
}""",
        message=(
            "multiGPU is true and distributed is false; a run has either several processes or one."
        ),
        fix="Remove both: the launcher says how many processes there are.",
        at=(3, 5),
        path="distributed",
        places=("multiGPU",),
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R109",
        severity="error",
        spec="""{
    task: "vqa",
    device: "cpu",
    fp16: true,
}""",
        message='fp16 arithmetic needs an accelerator and device is "cpu".',
        fix='Set fp16: false, or device: "auto".',
        at=(3, 5),
        path="device",
        places=("fp16",),
        mended="""{
    task: "vqa",
    device: "cpu",
    fp16: false,
}""",
    ),
    Case(
        code="R109",
        severity="error",
        spec="""{
    task: "vqa",
    device: "cpu",
    precision: "fp16",
}""",
        message='fp16 arithmetic needs an accelerator and device is "cpu".',
        fix='Set precision: "bf16", or device: "auto".',
        at=(3, 5),
        path="device",
        places=("precision",),
        mended="""{
    task: "vqa",
    device: "cpu",
    precision: "bf16",
}""",
    ),
    Case(
        code="R150",
        severity="error",
        spec="""{
    task: "vqa",
    fp16: true,
    precision: "bf16",
}""",
        message='fp16 is true and precision is "bf16".',
        fix='Remove fp16 to compute in bf16, or set precision: "fp16".',
        at=(3, 5),
        path="fp16",
        places=("precision",),
        mended="""{
    task: "vqa",
    precision: "bf16",
}""",
    ),
]

GONE: dict[str, str] = {
    "R110": "DeepSpeed comes through accelerate, which saves and loads its engine for every task.",
    "R111": (
        "accelerate wraps a model once, in DeepSpeed or in data parallelism, as the launcher says."
    ),
}

REPAIRED: dict[str, str] = {}
