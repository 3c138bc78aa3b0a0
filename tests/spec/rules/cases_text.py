"""Bad specs for the rules on backbone, tokenizer and texts."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R100",
        severity="error",
        spec="""{
    task: "caption",
    prefix: "spam",
}""",
        message='prefix is "spam"; it must be "span", "denoise" or "mask", or null.',
        fix='Did you mean "span"?',
        at=(3, 5),
        path="prefix",
        mended="""{
    task: "caption",
    prefix: "span",
}""",
    ),
    Case(
        code="R100",
        severity="error",
        spec="""{
    task: "caption",
    backbone: "t5-base",
    prefix: "mask",
}""",
        message='prefix is "mask" and t5-base has no <mask> token; BART has.',
        fix='Set prefix: "span", or remove it to use prompt.',
        at=(3, 5),
        path="backbone",
        places=("prefix",),
        mended="""{
    task: "caption",
    backbone: "t5-base",
    prefix: "span",
}""",
    ),
    Case(
        code="R101",
        severity="warning",
        spec="""{
    task: "caption",
    prefix: "span",
    no_prefix: true,
}""",
        message="prefix has no effect: no_prefix gives captioning no input text.",
        fix="Remove prefix, or set no_prefix: false.",
        at=(3, 5),
        path="prefix",
        places=("no_prefix",),
        mended="""{
    task: "caption",
    no_prefix: true,
}""",
    ),
    Case(
        code="R101",
        severity="warning",
        spec="""{
    task: "caption",
    oscar_tags: true,
    prefix: "denoise",
}""",
        message='prefix has no effect: oscar_tags puts "describe image with tags:" in its place.',
        fix="Remove prefix, or set oscar_tags: false.",
        at=(3, 5),
        path="oscar_tags",
        places=("prefix",),
        mended="""{
    task: "caption",
    oscar_tags: true,
}""",
    ),
    Case(
        code="R124",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
    tokenizer: "facebook/bart-base",
}""",
        message="The tokenizer facebook/bart-base is one of BART and the backbone t5-base is a T5.",
        fix="Remove tokenizer: the backbone brings its own.",
        at=(3, 5),
        path="backbone",
        places=("tokenizer",),
        mended="""{
    task: "vqa",
    backbone: "t5-base",
}""",
    ),
    Case(
        code="R125",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "gpt2",
}""",
        message='backbone is "gpt2", which is neither a T5 nor a BART model.',
        fix="Name a T5 or BART model such as t5-base or facebook/bart-base, or write arch.",
        at=(3, 5),
        path="backbone",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
}""",
    ),
    Case(
        code="R126",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "google/flan-t5-large",
}""",
        message=(
            "backbone google/flan-t5-large has an output layer apart from its word embeddings, "
            "and VL-T5 needs them to be one."
        ),
        fix='Set backbone: "t5-large".',
        at=(3, 5),
        path="backbone",
        mended="""{
    task: "vqa",
    backbone: "t5-large",
}""",
    ),
    Case(
        code="R126",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "google/t5-v1_1-xl",
}""",
        message=(
            "backbone google/t5-v1_1-xl has an output layer apart from its word embeddings, "
            "and VL-T5 needs them to be one."
        ),
        fix='Set backbone: "t5-3b".',
        at=(3, 5),
        path="backbone",
        mended="""{
    task: "vqa",
    backbone: "t5-3b",
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R102": "Each task brings its own default prompt.",
}
