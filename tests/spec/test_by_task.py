"""Values by task: read, checked, shown and given to each task of a run."""

from __future__ import annotations

import json

import pytest

from vlcli.spec.read import Reading, read_spec_text
from vlcli.spec.resolved import resolved


def read(*overrides: str, **values: object) -> Reading:
    base = {"tasks": "vqa,caption", "unfreeze_language_model": True}
    return read_spec_text(json.dumps({**base, **values}), "my.json5", overrides)


def test_each_task_gets_its_own_value_and_the_others_the_default():
    spec = read(batch_size={"vqa": 80}).spec
    assert spec.of_task("vqa").batch_size == 80
    assert spec.of_task("caption").batch_size == 256


def test_an_object_leaves_what_other_tasks_bring():
    spec = read(max_text_length={"vqa": 30}).spec
    assert spec.of_task("vqa").max_text_length == 30
    assert spec.of_task("caption").max_text_length == 40


def test_a_plain_value_holds_for_all_tasks():
    spec = read(max_text_length=25).spec
    assert {spec.of_task(task).max_text_length for task in spec.tasks} == {25}


def test_tasks_of_a_mixed_run_read_their_published_splits():
    spec = read().spec
    assert spec.of_task("vqa").train == "karpathy_train"
    assert spec.of_task("caption").test == "karpathy_test"
    gqa = read(tasks="vqa,gqa").spec.of_task("gqa")
    assert (gqa.train, gqa.valid, gqa.test) == ("train,valid", "testdev", None)


def test_the_built_in_data_set_has_the_same_splits_for_all():
    spec = read(dataset="shapes", feature_type="patch").spec
    assert spec.of_task("vqa").train == spec.of_task("caption").train == "train"


@pytest.mark.parametrize(("wanted", "prompt"), [(True, "gqa: "), (False, "")])
def test_mixed_runs_have_task_prompts_where_they_are_asked_for(wanted, prompt):
    spec = read(tasks="vqa,gqa", use_tasks_prompts=wanted).spec
    assert spec.of_task("gqa").prompt == prompt


def test_the_misspelt_prompt_of_old_checkpoints_can_be_said():
    reading = read(tasks="vqa,gqa", use_tasks_prompts=True, prompt={"gqa": "gpa: "})
    assert not reading.problems
    assert reading.spec.of_task("gqa").prompt == "gpa: "
    assert reading.spec.of_task("vqa").prompt == "vqa: "


def test_a_wrong_value_names_its_task_and_place():
    (problem,) = read(batch_size={"vqa": 0}).problems
    assert problem.message == "batch_size.vqa is 0; it must be a whole number of at least 1."
    assert problem.path == "batch_size.vqa"


def test_set_reaches_into_an_object():
    spec = read("batch_size.caption=5", batch_size={"vqa": 80}).spec
    assert (spec.of_task("vqa").batch_size, spec.of_task("caption").batch_size) == (80, 5)


def test_a_resolved_spec_reads_back_the_same():
    reading = read(batch_size={"vqa": 80}, use_tasks_prompts=True)
    again = read_spec_text(resolved(reading))
    assert not again.errors
    for task in ("vqa", "caption"):
        assert vars(again.spec.of_task(task)) == vars(reading.spec.of_task(task))


def test_a_missing_file_of_one_task_is_found():
    codes = [each.code for each in read(train={"vqa": "gone.jsonl"}).problems]
    assert "F3" in codes
