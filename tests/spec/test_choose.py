"""What runs: architecture, preset and task, and which value wins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vlcli.archs.vlt5.presets import PRESETS
from vlcli.spec.choose import choose
from vlcli.spec.entries import TASKS
from vlcli.spec.problem import Problem
from vlcli.spec.read import Reading, read_spec_text

FULL = {"unfreeze_language_model": True}
FOUR = "vqa,gqa,nlvr,caption"


def read(values: dict[str, Any], *sets: str) -> Reading:
    return read_spec_text(json.dumps(values), "my.json5", sets)


def one(values: dict[str, Any], *sets: str) -> Problem:
    (problem,) = read(values, *sets).problems
    return problem


@pytest.mark.parametrize(
    ("backbone", "arch"),
    [
        (None, "vlt5"),
        ("t5-large", "vlt5"),
        ("google/flan-t5-base", "vlt5"),
        ("facebook/bart-base", "vlbart"),
        ("some/BART-of-mine", "vlbart"),
    ],
)
def test_without_arch_the_backbone_decides(backbone, arch):
    reading = read({"task": "vqa", **FULL, **({"backbone": backbone} if backbone else {})})
    assert (reading.values["arch"], reading.origins["arch"]) == (arch, "from backbone")


@pytest.mark.parametrize("backbone", ["gpt2", ""])
def test_a_backbone_of_no_family_chooses_nothing(backbone):
    problem = one({"task": "vqa", "use_adapter": True, "backbone": backbone})
    assert (problem.code, problem.path) == ("R125", "backbone")
    assert problem.message == f'backbone is "{backbone}", which is neither a T5 nor a BART model.'
    assert problem.fix == (
        "Name a T5 or BART model such as t5-base or facebook/bart-base, or write arch."
    )


def test_an_architecture_on_a_backbone_of_the_other_is_an_error_at_both():
    problem = one({"task": "vqa", "arch": "vlt5", "backbone": "facebook/bart-base", **FULL})
    assert problem.code == "A3"
    assert problem.message == (
        'arch is "vlt5", and the backbone "facebook/bart-base" is no T5 model.'
    )
    assert problem.fix == 'Name a T5 backbone, or set arch: "vlbart".'
    assert [place.path for place in problem.places] == ["backbone"]


def test_the_default_backbone_is_said_to_be_the_default():
    problem = one({"task": "vqa", "arch": "vlbart", **FULL})
    assert problem.message == (
        'arch is "vlbart", and the default backbone "t5-base" is no BART model.'
    )
    assert problem.places == ()


def test_arch_and_preset_are_looked_at_after_set():
    written = {"task": "vqa", "arch": "vlt5", "preset": "single_adapter"}
    sets = ["arch=vlbart", "backbone=facebook/bart-base", "preset=full_finetuning"]
    reading = read(written, *sets)
    assert reading.problems == ()
    assert (reading.chosen.arch, reading.chosen.preset) == ("vlbart", "full_finetuning")
    assert reading.values["use_adapter"] is False


def test_an_unknown_architecture_hides_no_mistake_in_the_values():
    found = read({"task": "vqa", "arch": "vlbrt", "epochs": -1, "nonsense": 1}).problems
    assert [(each.code, each.message, each.fix) for each in found] == [
        ("A1", 'There is no arch "vlbrt".', "Did you mean vlbart?"),
        ("R130", "epochs is -1; it must be a whole number of at least 0.",
         "Mend the value; the default is 12."),
        ("K1", 'There is no key "nonsense".', "Remove it; `vlcli explain` lists every key."),
    ]  # fmt: skip
    (problem,) = read({"task": "vqa", "arch": "qqq", "epochs": -1}).problems
    assert problem.fix == "There are vlt5, vlbart and dual_encoder."


@pytest.mark.parametrize(
    ("task", "fix"),
    [
        ("vqaa", "Did you mean vqa or tvqa?"),
        ("translation", "Did you mean mmt?"),
        ("VQA", "Did you mean vqa?"),
        ("NLVR2", "Did you mean nlvr?"),
    ],
)
def test_an_unknown_task_is_answered_with_the_nearest(task, fix):
    problem = one({"task": task, **FULL})
    assert (problem.code, problem.message, problem.fix) == (
        "T2", f'There is no task "{task}".', fix,
    )  # fmt: skip


@pytest.mark.parametrize("values", [{}, {"task": None}, {"task": ""}, {"tasks": ""}, {"tasks": []}])
def test_a_spec_without_a_task_says_so_once(values):
    problem = one({**values, **FULL})
    assert (problem.code, problem.message, problem.fix) == (
        "T1",
        "The spec does not say what to train on.",
        'Add task: "vqa" or another of `vlcli list tasks`.',
    )


@pytest.mark.parametrize("values", [{"task": ["vqa"]}, {"task": 3}, {"tasks": 3}])
def test_a_task_of_a_wrong_type_is_one_mistake(values):
    assert one({**values, **FULL}).code == "V1"


@pytest.mark.parametrize(
    ("values", "task", "tasks"),
    [
        ({"task": "gqa"}, "gqa", ("gqa",)),
        ({"tasks": "gqa"}, "gqa", ("gqa",)),
        ({"tasks": ["gqa", "vqa"]}, "multitask", ("gqa", "vqa")),
        ({"task": "vqa", "tasks": "vqa, gqa"}, "vqa", ("vqa", "gqa")),
        ({"task": "multitask", "tasks": "vqa gqa"}, "multitask", ("vqa", "gqa")),
    ],
)
def test_task_and_tasks_follow_from_each_other(values, task, tasks):
    reading = read({**values, "use_adapter": True})
    assert reading.problems == ()
    assert (reading.values["task"], reading.values["tasks"]) == (task, tasks)


def test_what_follows_says_from_what():
    origins = read({"tasks": "gqa", **FULL}).origins
    assert (origins["task"], origins["tasks"]) == ("from tasks", "my.json5:1")
    assert read({"task": "gqa", **FULL}).origins["tasks"] == "from task"


def test_the_order_is_default_task_preset_file_set(monkeypatch):
    monkeypatch.setitem(PRESETS, "asking", {**FULL, "prompt": "preset: "})
    written: dict[str, Any] = {"task": "vqa", **FULL}
    assert read(written).values["prompt"] == "vqa: "
    written["task"] = "gqa"
    assert (read(written).values["prompt"], read(written).origins["prompt"]) == (
        "gqa: ", "task gqa",
    )  # fmt: skip
    written["preset"] = "asking"
    assert (read(written).values["prompt"], read(written).origins["prompt"]) == (
        "preset: ", "preset asking",
    )  # fmt: skip
    written["prompt"] = "file: "
    assert read(written).values["prompt"] == "file: "
    reading = read(written, "prompt='set: '")
    assert (reading.values["prompt"], reading.origins["prompt"]) == (
        "set: ", "--set prompt='set: '",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "fix"),
    [
        ("single_adaptr", "Did you mean single_adapter?"),
        ("lora", "Did you mean single_lora or multiple_lora?"),
        ("", f"There are {', '.join([*PRESETS][:-1])} and {[*PRESETS][-1]}."),
    ],
)
def test_an_unknown_preset_is_one_mistake(preset, fix):
    problem = one({"task": "vqa", "preset": preset, "lora_dim": 8})
    assert (problem.code, problem.path) == ("A4", "preset")
    assert problem.message == f'vlt5 has no preset "{preset}".'
    assert problem.fix.startswith(fix.rstrip("?"))


def test_a_preset_of_a_wrong_type_is_one_mistake():
    assert one({"task": "vqa", "preset": 5, "lora_dim": 8}).code == "V1"


@pytest.mark.parametrize("backbone", ["t5-base", "facebook/bart-base"])
@pytest.mark.parametrize("tasks", ["vqa", FOUR])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset, tasks, backbone):
    if tasks == "vqa" and preset == "half_shared_adapters":
        tasks = "vqa,gqa"  # sharing takes two
    reading = read({"tasks": tasks, "preset": preset, "backbone": backbone})
    assert {each.code for each in reading.problems} <= {"R23"}  # LoRA trains biases, as published
    assert reading.spec is not None


@pytest.mark.parametrize(
    ("spec", "length", "origin"),
    [
        ({"task": "mmt"}, 40, "task mmt"),
        ({"tasks": "vqa,caption"}, {"caption": 40}, "its tasks"),
        ({"task": "caption"}, 20, "default"),  # the published scripts leave it at that
        ({"tasks": "vqa,caption", "gen_max_length": 24}, 24, "my.json5:1"),
    ],
)
def test_tasks_bring_the_length_of_what_is_written(spec, length, origin):
    reading = read(spec)
    assert (reading.values["gen_max_length"], reading.origins["gen_max_length"]) == (length, origin)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_chooses_itself(task):
    chosen = choose({"task": task, "tasks": ["vqa", "gqa"] if task == "multitask" else [task]})
    assert (chosen.task, chosen.complete, chosen.findings) == (task, True, ())
