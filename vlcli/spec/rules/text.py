"""The language model, its tokenizer, and the text around an example."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from .. import facts, sizes
from ..run import Run
from . import Finding, Rule, rule

RULES: list[Rule] = []

UNTIED = ("flan", "v1_1", "v1.1", "mt5", "byt5", "umt5")
SAME_SIZE = {"small": "t5-small", "large": "t5-large", "xxl": "t5-11b", "xl": "t5-3b"}


@rule(RULES, "R100", "error", "T5 has no mask token", "prefix backbone")
def mask_token(run: Run) -> Iterator[Finding]:
    """prefix: "mask" makes the input of captioning the one token <mask>, which BART was trained
    with and T5 does not have."""
    if run.prefix == "mask" and facts.family(run) == "t5" and facts.trains(run, "caption"):
        yield Finding(
            ("prefix", "backbone"),
            f'prefix is "mask" and {run.backbone} has no <mask> token; BART has.',
            'Set prefix: "span", or remove it to use prompt.',
        )


@rule(RULES, "R101", "warning", "one text in front of a picture", "prefix no_prefix oscar_tags")
def one_caption_input(run: Run) -> Iterator[Finding]:
    """Captioning has one input text. no_prefix: true makes it empty, oscar_tags: true makes it
    "describe image with tags: ..."; a prefix beside them is not used."""
    if not run.prefix or not facts.trains(run, "caption"):
        return
    if run.no_prefix:
        yield Finding(
            ("prefix", "no_prefix"),
            "prefix has no effect: no_prefix gives captioning no input text.",
            "Remove prefix, or set no_prefix: false.",
        )
    elif run.oscar_tags and facts.sees(run):
        yield Finding(
            ("prefix", "oscar_tags"),
            'prefix has no effect: oscar_tags puts "describe image with tags:" in its place.',
            "Remove prefix, or set oscar_tags: false.",
        )


@rule(RULES, "R124", "error", "tokenizer and backbone are of one family", "tokenizer backbone")
def one_family(run: Run) -> Iterator[Finding]:
    """A backbone's word embeddings belong to its own vocabulary: T5's has 32,000 sentencepiece
    pieces, BART's 50,265 byte pairs. The published code takes the class from one and the files from
    the other. The family of a tokenizer is told by its name, as far as the name tells it."""
    name = run.tokenizer
    if not name or name == "train":
        return
    known = sizes.backbone(name)
    theirs = known.family if known else sizes.family_of(PurePath(name).name)
    ours = facts.family(run)
    if theirs and ours and theirs != ours:
        yield Finding(
            ("tokenizer", "backbone"),
            f"The tokenizer {name} is one of {theirs.upper()} and the backbone {run.backbone} is a "
            f"{ours.upper()}.",
            "Remove tokenizer: the backbone brings its own.",
        )


@rule(RULES, "R126", "error", "embeddings that are not shared", "backbone")
def shared_embeddings(run: Run) -> Iterator[Finding]:
    """VL-T5 reads its answers with the word embeddings: input, output and visual order embeddings
    are one matrix, as in T5 v1.0. T5 v1.1 and Flan-T5 have an output layer of their own, and the
    published code stops with an assertion."""
    if facts.family(run) != "t5":
        return
    known, name = facts.known_backbone(run), PurePath(run.backbone).name.lower()
    if not known.tied if known else any(part in name for part in UNTIED):
        like = next((SAME_SIZE[size] for size in SAME_SIZE if name.endswith(size)), "t5-base")
        yield Finding(
            ("backbone",),
            f"backbone {run.backbone} has an output layer apart from its word embeddings, and "
            "VL-T5 needs them to be one.",
            f'Set backbone: "{like}".',
        )
