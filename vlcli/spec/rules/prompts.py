"""Prompts, prefixes and the texts beside them: lengths that must fit."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

LENGTHS = ("encoder_prompt_len", "decoder_prompt_len")


@rule(
    RULES,
    "R28",
    "error",
    "the decoder has positions enough",
    "decoder_prompt_len gen_max_length backbone",
)
def decoder_positions(run: Run) -> Iterator[Finding]:
    """BART learns one vector per position and has 1024 of them. A decoder prompt takes the first
    positions and the text those behind it, so prompt and longest text together must fit; the
    published code stops with an IndexError. T5 counts distances, and has no such end."""
    known = facts.known_backbone(run)
    if known is None or known.positions is None:
        return
    longest = run.decoder_prompt_len + run.gen_max_length
    if longest <= known.positions:
        return
    keys = [key for key in ("decoder_prompt_len", "gen_max_length") if getattr(run, key)]
    values = listed(f"{key} {getattr(run, key)}" for key in keys)
    yield Finding(
        tuple(keys),
        f"{values} need{'s' if len(keys) == 1 else ''} {longest} decoder positions, and "
        f"{run.backbone} has {known.positions}.",
        f"Set gen_max_length to at most {known.positions}."
        if len(keys) == 1
        else f"Lower {listed(keys, 'or')}: together they may be at most {known.positions}.",
    )


@rule(RULES, "R145", "error", "the encoder has positions enough", "max_text_length backbone")
def encoder_positions(run: Run) -> Iterator[Finding]:
    """BART learns one vector per position of the text and has 1024 of them; a longer text ends the
    run with an IndexError. Encoder prompts and visual tokens take no positions, and T5 has no such
    end."""
    known = facts.known_backbone(run)
    if known and known.positions is not None and run.max_text_length > known.positions:
        yield Finding(
            ("max_text_length",),
            f"max_text_length is {run.max_text_length} and {run.backbone} has {known.positions} "
            "positions for text.",
            f"Set max_text_length to at most {known.positions}.",
        )


@rule(RULES, "R143", "error", "a prefix has a length", "use_attn_prefix " + " ".join(LENGTHS))
def prefix_has_length(run: Run) -> Iterator[Finding]:
    """encoder_prompt_len and decoder_prompt_len say how many keys and values use_attn_prefix puts
    in front of those of encoder and decoder attention. With both 0 there is no prefix, and nothing
    of the method to train."""
    if run.use_attn_prefix and not facts.has_prompts(run):
        yield Finding(
            ("use_attn_prefix", *LENGTHS),
            "use_attn_prefix is on, and encoder_prompt_len and decoder_prompt_len, which give its "
            "length, are both 0.",
            "Set encoder_prompt_len or decoder_prompt_len, for example encoder_prompt_len: 40, or "
            "use_attn_prefix: false.",
        )
