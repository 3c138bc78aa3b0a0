"""Single values: every wrong type and range, in sentences, at the right place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.fields import arguments, expected
from vlcli.spec.problem import Problem
from vlcli.spec.read import read_spec_text
from vlcli.spec.values import check_values, printable, shown


def fault(key: str, value: Any) -> Problem:
    text = json.dumps({"task": "vqa", "unfreeze_lm_head": True, key: value})
    (problem,) = [each for each in read_spec_text(text).problems if each.severity == "error"]
    return problem


@pytest.mark.parametrize(
    ("key", "value", "code", "message", "fix"),
    [
        ("batch_size", "16", "V1", 'batch_size is "16"; it must be a whole number of at least 1.',
         "Write batch_size: 16, without quotes."),
        ("batch_size", 2.5, "V1", "batch_size is 2.5; it must be a whole number of at least 1.",
         "Mend the value; the default is 256."),
        ("batch_size", True, "V1", "batch_size is true; it must be a whole number of at least 1.",
         "Mend the value; the default is 256."),
        ("batch_size", None, "V1", "batch_size is null; it must be a whole number of at least 1.",
         "Remove the key, or give it a value."),
        ("epochs", {"vqa": 3}, "V1",
         'epochs is {"vqa": 3}; it must be a whole number of at least 0.',
         "Mend the value; the default is 12."),
        ("batch_size", 0, "R130", "batch_size is 0; it must be a whole number of at least 1.",
         "Mend the value; the default is 256."),
        ("valid_batch_size", 0, "R130",
         "valid_batch_size is 0; it must be a whole number of at least 1, or null.",
         "Mend the value, or remove the key."),
        ("lr", "1e-3", "V1", 'lr is "1e-3"; it must be a number of at least 0.',
         "Write lr: 1e-3, without quotes."),
        ("lr", "fast", "V1", 'lr is "fast"; it must be a number of at least 0.',
         "Mend the value; the default is 0.0001."),
        ("lr", "NaN", "V1", 'lr is "NaN"; it must be a number of at least 0.',
         "Mend the value; the default is 0.0001."),
        ("epochs", "1_000", "V1", 'epochs is "1_000"; it must be a whole number of at least 0.',
         "Mend the value; the default is 12."),
        ("dropout", 1, "R130", "dropout is 1; it must be a number of at least 0 and below 1.",
         "Mend the value; the default is 0.1."),
        ("warmup_ratio", 1.5, "R130",
         "warmup_ratio is 1.5; it must be a number of at least 0 and at most 1.",
         "Mend the value; the default is 0.05."),
        ("seed", -1, "V2", "seed is -1; it must be a whole number from 0 to 4294967295.",
         "Mend the value; the default is 9595."),
        ("use_adapter", "true", "V1", 'use_adapter is "true"; it must be true or false.',
         "Write use_adapter: true, without quotes."),
        ("use_adapter", "No", "V1", 'use_adapter is "No"; it must be true or false.',
         "Write use_adapter: false."),
        ("use_adapter", 1, "V1", "use_adapter is 1; it must be true or false.",
         "Mend the value; the default is false."),
        ("comment", 5, "V1", "comment is 5; it must be a text.",
         "Mend the value, or remove the key."),
        ("output", 5, "V1", "output is 5; it must be a text, or null.",
         "Mend the value, or remove the key."),
        ("optim", "AdamW", "V2",
         'optim is "AdamW"; it must be "adamw", "adam", "adamax", "rms" or "sgd".',
         'Did you mean "adamw"?'),
        ("optim", 3, "V2", 'optim is 3; it must be "adamw", "adam", "adamax", "rms" or "sgd".',
         'Mend the value; the default is "adamw".'),
        ("precision", "float", "V2",
         'precision is "float"; it must be "fp32", "bf16" or "fp16", or null.',
         "Mend the value, or remove the key."),
        ("feature_type", "BUTD", "V2",
         'feature_type is "BUTD"; it must be "butd", "RN50", "RN101", "RN50x4", "ViT", '
         '"raw_RN50", "raw_RN101", "raw_RN50x4", "raw_ViT", "patch", "stored:PATH" or '
         '"raw:LIBRARY:NAME".',
         'Did you mean "butd"?'),
        ("feature_type", "raw:keras:vgg", "V2",
         'feature_type is "raw:keras:vgg"; after raw: stands a library, timm, torchvision, '
         "open_clip or huggingface.",
         'Mend the value; the default is "butd".'),
        ("feature_type", "raw:timm:", "V2",
         'feature_type is "raw:timm:"; after raw:timm: stands the name of an encoder.',
         'Mend the value; the default is "butd".'),
        ("feature_type", "stored:", "V2",
         'feature_type is "stored:"; after the colon stands the path of a store.',
         'Did you mean "stored:PATH"?'),
        ("losses", "lm,foo", "V2",
         'losses names "foo"; it may name "lm", "qa", "itm", "caption", "ground_caption" or '
         '"refer".',
         'Mend the value; the default is ["lm", "qa", "itm", "ground_caption", "refer"].'),
        ("image_size", "64x64", "V1",
         'image_size is "64x64"; it must be height and width, such as "448,448", [448, 448] '
         "or 448.", "Mend the value; the default is [448, 448]."),
        ("image_size", 0, "V2", "image_size must be at least 1 pixel high and wide.",
         "Mend the value; the default is [448, 448]."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_what_is_expected(key, value, code, message, fix):
    problem = fault(key, value)
    assert (problem.code, problem.path) == (code, key)
    assert problem.message == message
    assert problem.fix == fix


def test_a_fault_inside_a_list_stands_at_its_member():
    text = '{\n  task: "vqa", unfreeze_lm_head: true,\n  tasks: ["vqa",\n    3],\n}'
    (problem,) = read_spec_text(text).problems
    assert problem.message == "tasks[1] is 3; it must be a text."
    assert (problem.code, problem.path) == ("V1", "tasks[1]")
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (4, 5)
    assert fault("image_size", [448, "x"]).message == (
        'image_size[1] is "x"; it must be a whole number.'
    )


@pytest.mark.parametrize("value", [1e3, 12.0, 1000])
def test_a_whole_number_may_be_written_as_a_float(value):
    values, faults = check_values(VLSpec, {"epochs": value, "valid_batch_size": value})
    assert faults == []
    assert (values["epochs"], values["valid_batch_size"]) == (int(value), int(value))
    assert type(values["epochs"]) is int


def test_a_whole_number_serves_where_a_number_is_wanted_and_true_does_not():
    assert check_values(VLSpec, {"lr": 1})[1] == []
    assert [each.path for each in check_values(VLSpec, {"lr": True})[1]] == [("lr",)]


def test_the_default_stands_in_for_a_value_at_fault():
    values, faults = check_values(VLSpec, {"epochs": -1, "lr": "x", "batch_size": 8})
    assert (values["epochs"], values["lr"], values["batch_size"]) == (12, 1e-4, 8)
    assert {each.path for each in faults} == {("epochs",), ("lr",)}


@pytest.mark.parametrize("key", arguments(VLSpec))
def test_no_key_takes_an_object_or_a_list_of_lists(key):
    for value in ([[1]],) if arguments(VLSpec)[key].by_task else ({"a": 1}, [[1]]):
        (found,) = check_values(VLSpec, {key: value})[1]
        assert found.code in ("V1", "V2", arguments(VLSpec)[key].code)
        assert expected(arguments(VLSpec)[key]) in found.finding.message or "[0]" in (
            found.finding.message
        )


def test_what_is_shown_is_short_and_printable():
    assert shown((1, 2)) == "[1, 2]"
    assert shown("é") == '"é"'
    assert len(shown("x" * 99)) == 60
    assert shown("\x1b\x9b") == r'"\u001b\u009b"'
    assert printable("plain") == "plain"
