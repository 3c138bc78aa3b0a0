"""Plug-ins: a distribution written on the spot, found through its entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TASK = '''
"""A task from somewhere else, with an argument and a rule of its own."""
from pydantic import Field
from vlcli.spec.entries import Entry
from vlcli.spec.fields import Group
from vlcli.spec.rules import Finding, rule

class CountArgs(Group):
    """Counting"""
    count_limit: int = Field(10, ge=1, description="Largest count that is asked for.")

RULES = []

@rule(RULES, "COUNT1", "error", "too many beams to count", "count_limit num_beams")
def no_beams(run):
    """Counting is greedy."""
    if run.num_beams > run.count_limit:
        yield Finding(("num_beams", "count_limit"), "More beams than counts.", "Use fewer beams.")

ENTRY = Entry("Count the objects of a picture", spec="counting:CountArgs", rules="counting:RULES")
'''


def install(site: Path, name: str, version: str, module: str, code: str, points: str) -> None:
    """Put a distribution into `site` as pip would leave it: a module and its metadata."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(code)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(points)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    install(
        folder, "vl-counting", "1.2", "counting", TASK, "[vlcli.tasks]\ncounting = counting:ENTRY\n"
    )
    return folder


def vlcli(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vlcli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(site)},
    )


def tasks(site: Path) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in json.loads(vlcli(site, "list", "tasks", "--json").stdout)}


def problems(site: Path, spec: Path) -> list[dict[str, object]]:
    return json.loads(vlcli(site, "validate", str(spec), "--json").stdout)[0]["problems"]


def test_a_plugin_task_is_listed_with_its_distribution(site):
    assert tasks(site)["counting"] == {
        "name": "counting",
        "summary": "Count the objects of a picture",
        "source": "vl-counting 1.2",
    }


def test_its_own_arguments_are_checked_with_places(site, tmp_path):
    spec = tmp_path / "count.json5"
    spec.write_text('{\n  task: "counting",\n  count_limit: 0,\n  unfreeze_lm_head: true,\n}\n')
    (problem,) = problems(site, spec)
    assert (problem["code"], problem["line"], problem["column"]) == ("V2", 3, 3)
    assert problem["message"] == "count_limit is 0; it must be a whole number of at least 1."


def test_its_own_rules_run(site, tmp_path):
    spec = tmp_path / "count.json5"
    spec.write_text(
        '{\n  task: "counting",\n  num_beams: 9,\n  count_limit: 5,\n  unfreeze_lm_head: true,\n}\n'
    )
    (problem,) = problems(site, spec)
    assert (problem["code"], problem["path"], problem["line"]) == ("COUNT1", "num_beams", 3)
    assert [place["path"] for place in problem["places"]] == ["count_limit"]


def test_its_arguments_belong_to_it_in_other_runs(site, tmp_path):
    spec = tmp_path / "vqa.json5"
    spec.write_text('{ task: "vqa", unfreeze_lm_head: true, count_limit: 3 }')
    (problem,) = problems(site, spec)
    assert problem["code"] == "K2"
    assert problem["message"] == (
        '"count_limit" belongs to the task counting; vlt5 does not read it.'
    )


def test_two_distributions_of_one_name_are_both_named(site, tmp_path):
    install(site, "other-counting", "0.1", "other", TASK, "[vlcli.tasks]\ncounting = other:ENTRY\n")
    spec = tmp_path / "count.json5"
    spec.write_text('{ task: "counting", unfreeze_lm_head: true }')
    (problem,) = problems(site, spec)
    assert problem["code"] == "A2"
    assert "vl-counting 1.2" in str(problem["message"])
    assert "other-counting 0.1" in str(problem["message"])


def test_a_plugin_cannot_take_a_built_in_name(site, tmp_path):
    install(site, "my-vqa", "3.0", "myvqa", TASK, "[vlcli.tasks]\nvqa = myvqa:ENTRY\n")
    spec = tmp_path / "vqa.json5"
    spec.write_text('{ task: "vqa", unfreeze_lm_head: true }')
    (problem,) = problems(site, spec)
    assert problem["code"] == "A2"
    assert "vlcli itself and the distribution my-vqa 3.0" in str(problem["message"])


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("ENTRY = 5", "it names a value of type int, not an Entry"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_broken_plugin_breaks_nothing_else(site, tmp_path, code, why):
    install(site, "bad", "0.0", "bad", code, "[vlcli.tasks]\nbad = bad:ENTRY\n")
    assert why in tasks(site)["bad"]["summary"]
    assert tasks(site)["bad"]["source"] == "bad 0.0"
    fine = tmp_path / "fine.json5"
    fine.write_text('{ task: "counting", unfreeze_lm_head: true }')
    assert problems(site, fine) == []
    named = tmp_path / "bad.json5"
    named.write_text('{ task: "bad", unfreeze_lm_head: true }')
    (problem,) = problems(site, named)
    assert problem["code"] == "A2"
    assert "bad 0.0" in str(problem["message"])


def test_an_arch_plugin_brings_its_own_spec_class(site, tmp_path):
    code = '''
from pydantic import Field
from vlcli.spec.entries import Entry
from vlcli.spec.fields import Group, Spec
from vlcli.spec.groups.identity import RunArgs

class TinyArgs(Group):
    """Tiny"""
    tiny_width: int = Field(8, ge=1, description="Width.")

class TinySpec(TinyArgs, RunArgs, Spec):
    """Tiny."""

ENTRY = Entry("A tiny architecture", spec="tinyarch:TinySpec")
'''
    install(site, "tiny-arch", "2.0", "tinyarch", code, "[vlcli.archs]\ntiny = tinyarch:ENTRY\n")
    spec = tmp_path / "tiny.json5"
    spec.write_text('{\n arch: "tiny",\n task: "vqa",\n tiny_width: "8",\n lora_dim: 3\n}')
    found = {str(problem["code"]): problem for problem in problems(site, spec)}
    assert set(found) == {"V1", "K2"}
    assert (found["V1"]["line"], found["V1"]["column"]) == (4, 2)
    assert found["K2"]["message"] == (
        '"lora_dim" belongs to the arch vlt5 and the arch vlbart; tiny does not read it.'
    )
    schema = json.loads(vlcli(site, "schema", "--arch", "tiny").stdout)
    assert "tiny_width" in schema["properties"]
    assert "lora_dim" not in schema["properties"]
