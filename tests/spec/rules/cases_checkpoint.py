"""Bad specs for the rules on where weights come from."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R120",
        severity="error",
        spec="""{
    task: "vqa",
    from_scratch: true,
    load: ".",
}""",
        message='from_scratch asks for random weights and load for those of ".".',
        fix="Keep one of them: remove load, or set from_scratch: false.",
        at=(3, 5),
        path="from_scratch",
        places=("load",),
        mended="""{
    task: "vqa",
    from_scratch: true,
}""",
    ),
    Case(
        code="R154",
        severity="error",
        spec="""{
    task: "vqa",
    resume: ".",
    load: ".",
    from_scratch: true,
}""",
        message=(
            'resume continues "." with its own weights, and load and from_scratch ask for others.'
        ),
        fix="Remove load and from_scratch, or remove resume to begin a new run.",
        at=(3, 5),
        path="resume",
        places=("load", "from_scratch"),
        mended="""{
    task: "vqa",
    resume: ".",
}""",
    ),
    Case(
        code="R157",
        severity="error",
        spec="""{
    task: "vqa",
    output: "snap/second",
    resume: ".",
}""",
        message='resume continues the run in "." and output names "snap/second".',
        fix='Remove output, or begin a new run with load: "." in place of resume.',
        at=(3, 5),
        path="output",
        places=("resume",),
        mended="""{
    task: "vqa",
    resume: ".",
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {}
