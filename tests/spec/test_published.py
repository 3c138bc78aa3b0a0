"""The published table reads flags as the published parser does."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlcli.spec.published import (
    ARGUMENTS,
    FEATURE_TYPES,
    LAUNCH_KEYS,
    VLT5,
    Argument,
    ConvertError,
    str2bool,
)

find, read_flags = VLT5.find, VLT5.read_flags


@cache
def plain_parser() -> argparse.ArgumentParser:
    """What the published code builds: store_true flags, typed values, the last one wins."""
    parser = argparse.ArgumentParser(exit_on_error=False, argument_default=argparse.SUPPRESS)
    types: dict[str, Any] = {"bool": str2bool, "int": int, "float": float}
    for name, argument in ARGUMENTS.items():
        if argument.kind == "flag":
            parser.add_argument(name, action="store_true", dest=argument.key)
        elif argument.kind == "choice":
            parser.add_argument(name, choices=FEATURE_TYPES, dest=argument.key)
        else:
            parser.add_argument(name, type=types.get(argument.kind, str), dest=argument.key)
    return parser


def values_of(argument: Argument) -> st.SearchStrategy[str]:
    """Words that the published parser takes for this argument."""
    by_kind: dict[str, st.SearchStrategy[str]] = {
        "bool": st.sampled_from(["True", "false", "YES", "n", "1", "0"]),
        "int": st.integers(-(10**6), 10**6).map(str),
        "float": st.sampled_from(["5", "0.1", "1e-3", "-1", "-0.5", "1E5", "2048", "inf"]),
        "choice": st.sampled_from(FEATURE_TYPES),
    }
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return by_kind.get(argument.kind, text.filter(lambda word: not word.startswith("-")))


@cache
def spellings_of(argument: Argument) -> list[str]:
    """The flag, and every start of it that names no other (argparse has a --help of its own)."""
    starts = [argument.flag[:length] for length in range(3, len(argument.flag) + 1)]
    return [start for start in starts if find(start) is argument and not "--help".startswith(start)]


@st.composite
def flags(draw: st.DrawFn) -> list[str]:
    words: list[str] = []
    for argument in draw(st.lists(st.sampled_from(list(ARGUMENTS.values())), max_size=12)):
        flag = draw(st.sampled_from(spellings_of(argument)))
        if not argument.takes_value:
            words.append(flag)
        elif draw(st.booleans()):
            words.append(f"{flag}={draw(values_of(argument))}")
        else:
            words += [flag, draw(values_of(argument))]
    return words


def test_the_table_holds_the_139_published_arguments() -> None:
    assert len(ARGUMENTS) == 139
    kinds = Counter(argument.kind for argument in ARGUMENTS.values())
    assert kinds == {"flag": 62, "int": 27, "str": 21, "float": 19, "bool": 9, "choice": 1}
    assert {argument.key for argument in ARGUMENTS.values()} >= LAUNCH_KEYS


def test_two_flags_have_a_key_that_is_spelled_otherwise() -> None:
    renamed = {name: one.key for name, one in ARGUMENTS.items() if one.key != name[2:]}
    assert renamed == {"--wordMaskRate": "word_mask_rate", "--objMaskRate": "obj_mask_rate"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--feature RN101", {"feature_type": ["RN101"]}),
        ("--epoch=30", {"epochs": [30]}),
        (
            "--train karpathy_train --train_topk -1",
            {"train": ["karpathy_train"], "train_topk": [-1.0]},
        ),
        ("--use_vision no --use_adapter", {"use_vision": [False], "use_adapter": [True]}),
        ("--lr 1e-3 --lr 1e-4", {"lr": [1e-3, 1e-4]}),
        ("--use_tasks_prompt", {"use_tasks_prompts": [True]}),
    ],
)
def test_flags_are_read(words: str, expected: dict[str, list[Any]]) -> None:
    assert read_flags(words.split()) == (expected, [])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("--feat 3", "ambiguous option: --feat could match --feat_dim, --feature_type"),
        ("--epochs 1.5", "argument --epochs: invalid int value: '1.5'"),
        ("--use_vision maybe", "argument --use_vision: a truth value such as True or False"),
        ("--feature_type vgg", "argument --feature_type: invalid choice: 'vgg'"),
        ("--lr", "argument --lr: expected one argument"),
        ("--use_adapter=yes", "argument --use_adapter: ignored explicit argument 'yes'"),
    ],
)
def test_what_the_published_parser_refuses_is_an_error_with_its_reason(
    words: str, reason: str
) -> None:
    with pytest.raises(ConvertError) as error:
        read_flags(words.split())
    assert reason in str(error.value)


def test_unknown_words_are_handed_back() -> None:
    assert read_flags(["stray", "--vis_width", "3", "--lr", "1"]) == (
        {"lr": [1.0]},
        ["stray", "--vis_width", "3"],
    )


@settings(max_examples=200, deadline=None)
@given(flags())
def test_the_values_are_those_of_plain_argparse(words: list[str]) -> None:
    expected, strays = plain_parser().parse_known_args(words)
    written, unknown = read_flags(words)
    assert {key: values[-1] for key, values in written.items()} == vars(expected)
    assert unknown == strays


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*ARGUMENTS, "-1", "x", "3", "--", "--new", "--lr=2", ""])))
def test_plain_argparse_refuses_exactly_what_we_refuse(words: list[str]) -> None:
    try:
        expected = vars(plain_parser().parse_known_args(words)[0])
    except (argparse.ArgumentError, SystemExit):
        with pytest.raises(ConvertError):
            read_flags(words)
    else:
        assert {key: values[-1] for key, values in read_flags(words)[0].items()} == expected
