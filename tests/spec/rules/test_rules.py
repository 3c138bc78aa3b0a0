"""Every rule of the reference, R1 to R132: a bad spec with its words, or why there is none."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from vlcli.archs.vlt5.rules import RULES
from vlcli.spec.catalogue import codes
from vlcli.spec.problem import Problem
from vlcli.spec.read import read_spec_text

from .case import Case

MODULES = [
    importlib.import_module(f".{path.stem}", __package__)
    for path in sorted(Path(__file__).parent.glob("cases_*.py"))
]
CASES: list[Case] = [case for module in MODULES for case in module.CASES]
GONE: dict[str, str] = {
    code: why for module in MODULES for code, why in getattr(module, "GONE", {}).items()
}
REPAIRED: dict[str, str] = {
    code: why for module in MODULES for code, why in getattr(module, "REPAIRED", {}).items()
}
REFERENCE = [f"R{number}" for number in range(1, 133)]


def problems(spec: str) -> list[Problem]:
    return list(read_spec_text(spec, "case").problems)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_a_bad_spec_is_told_what_where_and_what_next(case):
    said = [each for each in problems(case.spec) if each.message == case.message]
    assert said, [(each.code, each.message) for each in problems(case.spec)]
    (problem,) = said
    assert (problem.code, problem.severity) == (case.code, case.severity)
    assert problem.fix == case.fix
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == case.at
    assert problem.path == case.path
    assert tuple(place.path for place in problem.places) == case.places


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_the_fix_mends_it(case):
    left = problems(case.mended)
    assert [each.message for each in left if each.severity == "error"] == []
    assert case.code not in {each.code for each in left}


def test_every_row_of_the_reference_is_a_rule_or_has_a_reason():
    covered = {case.code for case in CASES}
    explained = set(GONE) | set(REPAIRED)
    assert [code for code in REFERENCE if code not in covered | explained] == []
    assert all(why.endswith(".") for why in (*GONE.values(), *REPAIRED.values()))
    assert not covered & set(REPAIRED), "what is repaired has no rule"


def test_every_rule_has_a_bad_spec():
    tried = {case.code for case in CASES}
    assert [rule.code for rule in RULES if rule.code not in tried] == []


def test_every_rule_has_a_story_a_title_and_keys_that_exist():
    from vlcli.archs.vlt5.spec import VLSpec
    from vlcli.spec.fields import arguments

    for rule in RULES:
        assert len(rule.story.split()) >= 8, rule.code
        assert rule.story.endswith("."), rule.code
        assert set(rule.keys) <= set(arguments(VLSpec)), rule.code


def test_every_code_that_is_said_can_be_explained():
    known = codes()
    for case in CASES:
        assert case.code in known
    for code in known.values():
        assert code.story, code.code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_sentences_are_sentences(case):
    for text in (case.message, case.fix):
        assert re.fullmatch(r"\S.*[.?]", text), text
        assert "  " not in text
        assert "{" not in case.fix


def test_the_defaults_of_a_task_break_no_rule_as_an_error():
    from vlcli.spec.entries import TASKS

    for task in [name for name, entry in TASKS.items() if entry.answers == "text"]:
        tasks = ', tasks: "vqa, gqa"' if task == "multitask" else ""
        found = problems(f'{{ task: "{task}"{tasks}, unfreeze_language_model: true }}')
        assert [each.message for each in found if each.severity == "error"] == [], task
