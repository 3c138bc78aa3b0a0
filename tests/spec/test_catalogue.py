"""What `vlcli explain` knows: every key, and every code that is said anywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vlcli.spec
from vlcli.archs.dual_encoder.spec import DualSpec
from vlcli.archs.vlt5.rules import RULES
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec import catalogue
from vlcli.spec.catalogue import first_sentence
from vlcli.spec.codes import CODES
from vlcli.spec.fields import arguments, expected

SPEC = Path(vlcli.spec.__file__).parent
CODE = re.compile(r'"([FSKVATN][0-9]|R[0-9]{1,3})"')


def test_every_code_that_is_said_in_the_package_can_be_explained():
    said = {code for path in SPEC.rglob("*.py") for code in CODE.findall(path.read_text())}
    assert len(said) > 100
    assert sorted(said - set(catalogue.codes())) == []


def test_every_code_has_a_title_without_and_a_story_with_a_full_stop():
    for code in catalogue.codes().values():
        assert re.fullmatch(r".*[^.]", code.title), code.code
        for line in code.story.splitlines():
            assert re.fullmatch(r"\S.*[.}]", line), (code.code, line)


def test_codes_that_are_no_rules_are_said_somewhere():
    text = "".join(path.read_text() for path in SPEC.rglob("*.py") if path.name != "codes.py")
    assert [code for code in CODES if f'"{code}"' not in text] == []


def test_no_code_is_both_a_rule_and_something_else():
    assert not {rule.code for rule in RULES} & set(CODES)


def test_every_key_is_there_with_its_group_and_owners():
    keys = catalogue.keys()
    assert list(keys) == list(dict.fromkeys([*arguments(VLSpec), *arguments(DualSpec)]))
    assert keys["lr"].owners == ("vlt5", "vlbart", "dual_encoder")
    assert keys["lora_dim"].group == "LoRA"
    assert keys["lora_dim"].owners == ("vlt5", "vlbart")


@pytest.mark.parametrize(
    ("spec", "key"), [(spec, key) for spec in (VLSpec, DualSpec) for key in arguments(spec)]
)
def test_every_key_has_a_description_of_sentences_and_its_range_in_words(spec, key):
    field = arguments(spec)[key]
    description = field.description or ""
    assert re.fullmatch(r"[A-Z0-9].*\.", description), description
    assert "  " not in description
    assert not first_sentence(description).endswith((".", ",", ":"))
    words = expected(field)
    assert re.fullmatch(r"[^<>]+", words)
    assert "its type" not in words
    for bound in (field.ge, field.gt, field.le, field.lt):
        if bound is not None and not field.expects:
            assert f"{bound:g}" in words


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("batch_size", "a whole number of at least 1"),
        ("valid_batch_size", "a whole number of at least 1, or null"),
        ("dropout", "a number of at least 0 and below 1"),
        ("warmup_ratio", "a number of at least 0 and at most 1"),
        ("word_mask_rate", "a number above 0 and at most 1"),
        ("phm_init_range", "a number above 0"),
        ("clip_grad_norm", "a number"),
        ("use_adapter", "true or false"),
        ("dataset", '"shapes", or null'),
        ("optim", '"adamw", "adam", "adamax", "rms" or "sgd"'),
        ("output", "a text, or null"),
    ],
)
def test_range_words(key, words):
    assert expected(arguments(VLSpec)[key]) == words


def test_a_key_tells_what_speaks_of_it():
    assert ("R20", "error", "its range") in catalogue.touching("lora_dim")
    assert ("R21", "warning", "read only with use_lora: true") in catalogue.touching("lora_dim")
    assert "R1" in [code for code, _, _ in catalogue.touching("use_adapter")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One"),
        ("Only one.", "Only one"),
        ("Adapters (Houlsby et al. 2019).", "Adapters (Houlsby et al. 2019)"),
        ("See x. `y` reads it.", "See x"),
        ("No stop", "No stop"),
        ("", ""),
    ],
)
def test_a_first_sentence(text, sentence):
    assert first_sentence(text) == sentence
