"""Bad specs for the rules on runs that train or test nothing, and for ranges."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "vqa",
    warmup_ratio: 1.5,
}""",
        message="warmup_ratio is 1.5; it must be a number of at least 0 and at most 1.",
        fix="Mend the value; the default is 0.05.",
        at=(3, 5),
        path="warmup_ratio",
        mended="""{
    task: "vqa",
    warmup_ratio: 0.05,
}""",
    ),
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "vqa",
    dropout: 1,
}""",
        message="dropout is 1; it must be a number of at least 0 and below 1.",
        fix="Mend the value; the default is 0.1.",
        at=(3, 5),
        path="dropout",
        mended="""{
    task: "vqa",
    dropout: 0.1,
}""",
    ),
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "vqa",
    lr: -1e-4,
}""",
        message="lr is -0.0001; it must be a number of at least 0.",
        fix="Mend the value; the default is 0.0001.",
        at=(3, 5),
        path="lr",
        mended="""{
    task: "vqa",
    lr: 1e-4,
}""",
    ),
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "vqa",
    batch_size: 0,
}""",
        message="batch_size is 0; it must be a whole number of at least 1.",
        fix="Mend the value; the default is 256.",
        at=(3, 5),
        path="batch_size",
        mended="""{
    task: "vqa",
    batch_size: 256,
}""",
    ),
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "vqa",
    num_beams: 0,
}""",
        message="num_beams is 0; it must be a whole number of at least 1.",
        fix="Mend the value; the default is 1.",
        at=(3, 5),
        path="num_beams",
        mended="""{
    task: "vqa",
    num_beams: 1,
}""",
    ),
    Case(
        code="R155",
        severity="error",
        spec="""{
    task: "vqa",
    test_only: true,
    load: ".",
}""",
        message="test_only tests and does nothing else, and test names no split.",
        fix='Set test: "karpathy_test".',
        at=(3, 5),
        path="test_only",
        mended="""{
    task: "vqa",
    test: "karpathy_test",
    test_only: true,
    load: ".",
}""",
    ),
    Case(
        code="R156",
        severity="error",
        spec="""{
    task: "gqa",
    epochs: 0,
    test: null,
}""",
        message="epochs is 0 and test names no split, so the run would neither train nor test.",
        fix='Set epochs: 1 or more, or test: "testdev".',
        at=(3, 5),
        path="epochs",
        places=("test",),
        mended="""{
    task: "gqa",
    epochs: 0,
    test: "testdev",
}""",
    ),
    Case(
        code="R159",
        severity="warning",
        spec="""{
    task: "vqa",
    test: "karpathy_test",
    test_only: true,
}""",
        message=(
            "test_only is true and neither load nor resume is set, so untrained weights are tested."
        ),
        fix="Set load to the run folder or weight file to test.",
        at=(4, 5),
        path="test_only",
        mended="""{
    task: "vqa",
    test: "karpathy_test",
    load: ".",
    test_only: true,
}""",
    ),
    Case(
        code="R159",
        severity="warning",
        spec="""{
    task: "tvqa",
    test: "test_public",
    epochs: 0,
}""",
        message="epochs is 0 and neither load nor resume is set, so untrained weights are tested.",
        fix="Set load to the run folder or weight file to test.",
        at=(4, 5),
        path="epochs",
        mended="""{
    task: "tvqa",
    test: "test_public",
    load: ".",
    epochs: 0,
}""",
    ),
    Case(
        code="R164",
        severity="warning",
        spec="""{
    task: "vqa",
    epochs: 12,
    early_stopping: 20,
}""",
        message="early_stopping waits for 20 validations and epochs is 12, so it never acts.",
        fix="Set early_stopping: 4, or remove it.",
        at=(3, 5),
        path="epochs",
        places=("early_stopping",),
        mended="""{
    task: "vqa",
    epochs: 12,
    early_stopping: 4,
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R112": "One loop accumulates gradients for every task, and the schedule counts updates.",
    "R113": "Gradients are unscaled and clipped once per update.",
    "R114": "A number of examples is made whole before it cuts a list.",
    "R123": "test_only works for every task.",
}
