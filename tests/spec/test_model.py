"""The quick check and the pydantic model of a spec class are of one mind."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.fields import Group, Spec, Unsettled, arg, arguments
from vlcli.spec.model import model_of

NUMBERS = st.one_of(
    st.integers(-5, 5000),
    st.integers(),
    st.floats(),
    st.sampled_from([2**53, 2**53 + 1, -(2**60), 10**400, True, -0.0, 1.0, 1e22, 5e-324]),
)
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["vqa", "vqa,gqa", "lm", "obj", "butd", "middle-basic", "64,64", "0,4", "fp16"]
    ),
    st.sampled_from([each for f in arguments(VLSpec).values() for each in f.expects.split('"')]),
)
PLAIN = st.one_of(NUMBERS, TEXTS, st.none(), st.booleans())
VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=3),
    st.lists(PLAIN, max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=3), PLAIN, max_size=2),
)


def settled(spec: type, key: str, value: Any) -> Any:
    try:
        return arguments(spec)[key].settle(value)
    except Unsettled:
        return Unsettled


@pytest.mark.parametrize("key", arguments(VLSpec))
def test_what_is_settled_is_what_pydantic_makes_of_it(key):
    field = model_of(VLSpec).model_fields[key]

    @settings(max_examples=120, deadline=None)
    @given(VALUES)
    def check(value: Any) -> None:
        found = settled(VLSpec, key, value)
        if found is not Unsettled:
            checked = getattr(model_of(VLSpec).model_validate({key: value}), key)
            assert (type(found), found) == (type(checked), checked)

    check()
    assert settled(VLSpec, key, field.default) == field.default


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("lr", 1, 1.0), ("epochs", 3, 3), ("task", None, None), ("task", "vqa", "vqa"),
        ("tasks", "vqa, gqa", ("vqa", "gqa")), ("image_size", 64, (64, 64)),
        ("losses", ["lm"], ("lm",)), ("feature_type", "patch", "patch"), ("fp16", True, True),
        ("precision", "bf16", "bf16"), ("valid_batch_size", None, None),
    ],
)  # fmt: skip
def test_what_people_write_is_settled_without_pydantic(key, value, expected):
    found = settled(VLSpec, key, value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", True), ("lr", -1), ("lr", math.nan), ("lr", "1e-3"),
        ("epochs", 1.5), ("epochs", -1), ("epochs", None), ("fp16", 1), ("fp16", "true"),
        ("precision", "fp8"), ("task", 3), ("tasks", [1]), ("tasks", {}), ("image_size", [1]),
        ("image_size", "0,4"), ("losses", "none"), ("losses", ""), ("feature_type", "vgg"),
    ],
)  # fmt: skip
def test_a_value_at_fault_is_never_settled(key, value):
    assert settled(VLSpec, key, value) is Unsettled
    with pytest.raises(ValidationError):
        VLSpec(**{key: value})


class OwnArgs(Group):
    """Own"""

    kind: Literal["a", "b"] | None = arg(None, "Kind.")
    width: int = Field(8, ge=1, description="Width.")
    bare: float = 0.5
    names: list[str] = Field(default_factory=list)


class OwnSpec(OwnArgs, Spec):
    """A spec with arguments in pydantic's own words."""


def test_arguments_in_pydantic_s_own_words_are_left_to_pydantic():
    found = arguments(OwnSpec)
    assert list(found) == ["kind", "width", "bare", "names"]
    assert (found["width"].default, found["width"].ge, found["width"].description) == (
        8,
        1,
        "Width.",
    )
    assert (found["bare"].default, found["names"].default) == (0.5, [])
    assert settled(OwnSpec, "kind", "b") == "b"
    assert settled(OwnSpec, "width", 4) is Unsettled
    spec = OwnSpec(width=4, names=["x"])
    assert (spec.kind, spec.width, spec.bare, spec.names) == (None, 4, 0.5, ["x"])  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        OwnSpec(width=0)


def test_a_spec_is_a_frozen_value():
    spec = VLSpec(lr=1e-3)
    assert vars(VLSpec.of(vars(spec))) == vars(spec)
    assert vars(spec) == {**vars(VLSpec()), "lr": 1e-3}
    assert vars(spec.but(lr=1.0)) == {**vars(spec), "lr": 1.0}
    assert "lr=0.001" in repr(spec)
    with pytest.raises(AttributeError, match="frozen"):
        spec.lr = 1.0
    with pytest.raises(ValidationError, match="widht"):
        VLSpec(widht=3)
