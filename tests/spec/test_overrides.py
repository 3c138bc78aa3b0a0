"""`--set key=value`: a value is JSON5, or a plain word."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.spec.overrides import apply, read_overrides
from vlcli.spec.read import read_spec_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("key=3e-4", 3e-4),
        ("key = 5", 5),
        ("key=0x10", 16),
        ("key=true", True),
        ("key=null", None),
        ("key=t5-base", "t5-base"),
        ("key='two words'", "two words"),
        ("key=two words", "two words"),
        ("key=", ""),
        ("key=a=b", "a=b"),
        ("key=vqa,gqa", "vqa,gqa"),
        ("key=[1, 2]", [1, 2]),
        ('key=["a", "b"]', ["a", "b"]),
        ("key={a: 1}", {"a": 1}),
        ("key=448,448", "448,448"),
        ("key=1, other: 2", "1, other: 2"),
        ("key=NaN", "NaN"),
        ("key=1 // one", 1),
        ("key=a\nb", "a\nb"),
        ("key=" + "[" * 300, "[" * 300),
    ],
)
def test_a_value_is_json5_or_the_text_itself(text: str, value: Any):
    (override,), problems = read_overrides([text])
    assert problems == []
    assert override.path == ("key",)
    assert override.value == value


@pytest.mark.parametrize("text", ["lr", "", "=5", "a..b=1", ".=2"])
def test_what_is_not_key_value_is_a_problem(text):
    overrides, (problem,) = read_overrides([text])
    assert overrides == []
    assert (problem.code, problem.severity, problem.place) == ("K4", "error", None)
    assert problem.message == f'"{text}" is not of the form key=value.'
    assert problem.fix == "Write for example --set lr=3e-4."
    assert problem.origin == f"--set {text}"


def test_a_dotted_key_reaches_into_an_object_and_makes_it_where_it_is_not():
    values: dict[str, Any] = {"a": {"b": 1, "c": 2}, "x": 5}
    kept = values["a"]
    for text in ("a.b=3", "x.y.z=4"):
        apply(values, read_overrides([text])[0][0])
    assert values == {"a": {"b": 3, "c": 2}, "x": {"y": {"z": 4}}}
    assert kept == {"b": 1, "c": 2}


def test_the_last_of_several_wins_over_the_file():
    reading = read_spec_text(
        '{ task: "vqa", lr: 1, unfreeze_lm_head: true }', "s", ["lr=2", "lr=3"]
    )
    assert reading.values["lr"] == 3
    assert reading.origins["lr"] == "--set lr=3"


def test_an_origin_is_short_and_printable():
    (override,), _ = read_overrides(["comment=" + "x" * 500])
    assert len(override.origin) == 106
    assert override.origin.endswith("xxx...")
    (override,), _ = read_overrides(["comment=a\nb\x1b"])
    assert override.origin == r"--set comment=a\nb\u001b"
    assert override.value == "a\nb\x1b"
