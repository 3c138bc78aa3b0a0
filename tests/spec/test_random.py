"""No document, however odd, makes the reader raise: every input ends in problems or in a spec.

The reader is called below the top-level handler. `VLCLI_EXAMPLES` sets how many documents are
tried; the slow run tries 5,000 of each kind.
"""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlcli.archs.vlt5.presets import PRESETS
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.entries import TASKS
from vlcli.spec.fields import arguments
from vlcli.spec.read import Reading, read_spec, read_spec_text
from vlcli.spec.resolved import resolved
from vlcli.spec.summary import summary

FEW = int(os.environ.get("VLCLI_EXAMPLES", 300))
MANY = 5000

KEYS = [
    *arguments(VLSpec),
    *(also for f in arguments(VLSpec).values() for also in f.also),
]
WORDS = [
    *TASKS, *PRESETS, "t5-base", "facebook/bart-base", "gpt2", "vqa,gqa", "a,,b", "", "train",
    "butd", "RN101", "raw_RN50", "raw_ViT", "patch", "front/middle-basic", "lm,qa", "obj", "shapes",
    "adamw", "sgd", "span", "448,448", "(64,64)", "fp16", "bf16", "cpu", "x.jsonl", "\u0000",
    "vlt5",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3000),
    st.sampled_from([0.5, 1e-4, 1e300, -1.5, 2.0**53, 36, 49, 64, 100, 768]),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=3)
    ),
    max_leaves=6,
)
DEFAULTS = {key: field.default for key, field in arguments(VLSpec).items()}


@st.composite
def specs(draw: st.DrawFn) -> dict[str, object]:
    """Real keys: most with values of their own type, so that rules are reached; some with any."""
    chosen = draw(st.lists(st.sampled_from(KEYS), max_size=25, unique=True))
    values: dict[str, object] = {"task": draw(st.sampled_from([*TASKS, "nope"]))}
    for key in chosen:
        default = DEFAULTS.get(key)
        if isinstance(default, bool) and draw(st.integers(0, 9)):
            values[key] = draw(st.booleans())
        elif isinstance(default, int) and draw(st.integers(0, 9)):
            values[key] = draw(st.integers(0, 120))
        else:
            values[key] = draw(VALUES)
    return values


def is_sound(reading: Reading) -> None:
    """A spec or an error, and every problem with words and a place that exists."""
    assert (reading.spec is None) == bool(reading.errors)
    lines = reading.source.text.count("\n") + reading.source.text.count("\r") + 1000
    for problem in reading.problems:
        assert problem.code
        assert problem.message.strip()
        assert problem.place is None or 1 <= problem.place.line <= lines
        json.dumps(problem.as_json())
    if reading.spec is not None:
        assert summary(reading)
        again = read_spec_text(resolved(reading))
        assert again.spec is not None, [each.message for each in again.errors]


def _try(text: str, sets: list[str]) -> None:
    is_sound(read_spec_text(text, "random", sets))


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}
SETS = st.lists(
    st.one_of(
        st.builds("{}={}".format, st.sampled_from(KEYS), st.sampled_from([*WORDS, "true", "3"])),
        st.text(max_size=12),
    ),
    max_size=3,
)
JSON5ISH = st.lists(
    st.sampled_from(
        [*'{}[]:,"\'/*#=;()\\\n\t', " ", "//", "/*", "*/", "true", "null", "task", '"vqa"', "1e3",
         "NaN", "0x1f", "-", ".5", "yes", "'a'", "\ud800", "\u2028", *KEYS[:40]]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["normal", "slow"]
)
def test_no_document_of_real_keys_raises(examples):
    settings(max_examples=examples, **QUIET)(
        given(specs(), SETS)(lambda values, sets: _try(json.dumps(values, indent=1), sets))
    )()


@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["normal", "slow"]
)
def test_no_text_raises(examples):
    settings(max_examples=examples, **QUIET)(given(JSON5ISH, SETS)(_try))()


@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["normal", "slow"]
)
def test_no_bytes_raise(tmp_path, examples):
    path = tmp_path / "random.json5"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        is_sound(read_spec(path))

    settings(max_examples=examples, **QUIET)(given(st.binary(max_size=200))(read))()
