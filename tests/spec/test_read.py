"""From text and `--set` to a spec, or to all of its problems with their places."""

from __future__ import annotations

import pytest

from vlcli.spec.problem import KeyPlace, Place, Problem
from vlcli.spec.read import Reading, read_spec, read_spec_text
from vlcli.spec.resolved import resolved

FULL = "unfreeze_language_model: true"


def read(text: str, *sets: str) -> Reading:
    return read_spec_text(text, "my.json5", sets)


def one(text: str, *sets: str) -> Problem:
    (problem,) = read(text, *sets).problems
    return problem


def test_a_good_spec_has_no_problems_and_is_frozen():
    reading = read(f'{{ task: "vqa", lr: 1e-3, {FULL} }}')
    assert reading.problems == ()
    assert reading.spec is not None
    assert (reading.spec.task, reading.spec.lr, reading.spec.batch_size) == ("vqa", 1e-3, 256)
    with pytest.raises(AttributeError, match="frozen: lr"):
        reading.spec.lr = 1.0


def test_an_error_leaves_no_spec_and_a_warning_does():
    assert read(f'{{ task: "vqa", epochs: -1, {FULL} }}').spec is None
    assert read(f'{{ task: "vqa", lora_dim: 8, {FULL} }}').spec is not None


def test_a_problem_of_several_keys_stands_at_the_first_and_lists_the_others():
    problem = one('{\n  task: "vqa",\n  use_compacter: true,\n  use_adapter: true,\n}')
    assert (problem.code, problem.path, problem.place) == ("R1", "use_compacter", Place(3, 3, 13))
    assert problem.places == (KeyPlace("use_adapter", Place(4, 3, 11)),)


def test_a_key_given_by_set_stands_behind_those_of_the_file_with_its_origin():
    problem = one('{\n  task: "vqa",\n  use_compacter: true,\n}', "use_adapter=true")
    assert (problem.path, problem.place) == ("use_compacter", Place(3, 3, 13))
    assert problem.places == (KeyPlace("use_adapter", None, "--set use_adapter=true"),)


def test_a_problem_of_a_set_key_alone_has_an_origin_and_no_place():
    problem = one(f'{{ task: "vqa", epochs: 3, {FULL} }}', "epochs=-1")
    assert (problem.path, problem.place, problem.origin) == ("epochs", None, "--set epochs=-1")


def test_a_problem_of_what_a_preset_brings_stands_at_the_preset():
    problem = one('{\n  task: "vqa",\n  preset: "single_lora",\n}')
    assert (problem.code, problem.path, problem.place) == ("R23", "use_lora", Place(3, 3, 6))
    problem = one('{ task: "vqa" }', "model_type=single_lora")
    assert (problem.place, problem.origin) == (None, "--set model_type=single_lora")


def test_problems_are_sorted_by_place_and_those_of_set_come_last():
    text = '{\n  num_beams: 0,\n  "task": "vqa", epochs: -1,\n  dropot: 1\n}'
    assert [each.path for each in read(text, "lr=-1", FULL.replace(": ", "=")).problems] == [
        "num_beams", "epochs", "dropot", "lr",
    ]  # fmt: skip


def test_a_syntax_error_a_wrong_value_and_a_rule_are_told_in_one_run():
    text = """{
    task: "vqa"
    epochs: -1,
    use_adapter: true,
    use_compacter: true,
    lr: 1e-3,,
}"""
    said = [(each.code, each.place.line) for each in read(text).problems if each.place]
    assert said == [("R130", 3), ("S1", 3), ("R1", 4), ("S1", 6)]


def test_a_lost_value_silences_only_the_rules_that_read_it():
    text = '{ task: "vqa", use_lora: @, lora_dim: 8, phm_rank: 2, use_adapter: true }'
    said = [(each.code, each.path) for each in read(text).problems]
    assert ("R21", "lora_dim") not in said
    assert ("R11", "phm_rank") in said


def test_a_lost_value_that_set_replaces_is_judged():
    text = '{ task: "vqa", use_adapter: true, use_lora: @, lora_dim: 8 }'
    assert "R21" in [each.code for each in read(text, "use_lora=false").problems]


@pytest.mark.parametrize(
    ("spelled", "ours", "value"),
    [
        ("use_tasks_prompt", "use_tasks_prompts", "true"),
        ("wordMaskRate", "word_mask_rate", "0.3"),
        ("objMaskRate", "obj_mask_rate", "0.3"),
        ("model_type", "preset", '"full_finetuning"'),
    ],
)
def test_both_spellings_name_the_same_value_in_the_file_and_by_set(spelled, ours, value):
    text = f'{{ task: "pretrain", {FULL} '
    first = read(f"{text}, {spelled}: {value} }}")
    second = read(f"{text}}}", f"{spelled}={value}")
    third = read(f"{text}, {ours}: {value} }}")
    assert first.values == second.values == third.values
    assert first.values[ours] == third.values[ours] != read(f"{text}}}").values[ours]
    assert second.origins[ours] == f"--set {spelled}={value}"


def test_the_other_spelling_has_its_place():
    problem = one(f'{{\n  task: "pretrain", {FULL},\n  wordMaskRate: 3,\n}}')
    assert (problem.path, problem.place) == ("word_mask_rate", Place(3, 3, 12))


def test_both_spellings_in_one_file_are_an_error():
    problem = one(f'{{ task: "pretrain", {FULL},\n word_mask_rate: 0.1,\n wordMaskRate: 0.2 }}')
    assert problem.code == "K3"
    assert problem.message == (
        "word_mask_rate and wordMaskRate are two spellings of one key, and both are written."
    )
    assert problem.fix == "Keep word_mask_rate."
    assert (problem.place, problem.places[0].place) == (Place(2, 2, 14), Place(3, 2, 12))


def test_a_spelling_given_by_set_wins_over_the_other_in_the_file():
    text = '{ task: "vqa", preset: "single_adapter" }'
    reading = read(text, "model_type=full_finetuning")
    assert reading.values["preset"] == "full_finetuning"
    assert reading.values["unfreeze_language_model"] is True
    assert reading.values["use_adapter"] is False


def test_of_two_spellings_given_by_set_the_last_wins():
    text = f'{{ task: "pretrain", {FULL} }}'
    for first, last in (("wordMaskRate", "word_mask_rate"), ("word_mask_rate", "wordMaskRate")):
        reading = read(text, f"{first}=0.1", f"{last}=0.2")
        assert reading.problems == ()
        assert reading.values["word_mask_rate"] == 0.2


def test_a_key_written_twice_is_an_error_with_both_places():
    problem = one(f'{{\n  task: "vqa", {FULL},\n  lr: 1e-3,\n  lr: 1e-4,\n}}')
    assert (problem.code, problem.place) == ("S2", Place(4, 3, 2))
    assert problem.message == 'The key "lr" is written twice: first at line 3, column 3.'
    assert problem.places == (KeyPlace("lr", Place(3, 3, 2)),)


def test_an_unknown_key_is_answered_with_the_nearest_known_ones():
    problem = one(f'{{ task: "vqa", {FULL}, batch_sise: 8 }}')
    assert (problem.code, problem.message) == ("K1", 'There is no key "batch_sise".')
    assert problem.fix == "Did you mean batch_size?"
    assert one(f'{{ task: "vqa", {FULL}, qqqq: 8 }}').fix == (
        "Remove it; `vlcli explain` lists every key."
    )


@pytest.mark.parametrize(
    ("word", "key"),
    [("learning_rate", "lr"), ("bs", "batch_size"), ("lora", "use_lora"), ("Optimizer", "optim")],
)
def test_what_other_tools_call_a_key_is_known(word, key):
    assert one(f'{{ task: "vqa", {FULL}, {word}: 8 }}').fix == f"Did you mean {key}?"


def test_an_unknown_key_is_told_beside_an_unknown_task():
    codes = [each.code for each in read(f'{{ task: "vqaa", {FULL}, batch_sise: 8 }}').problems]
    assert codes == ["T2", "K1"]


def test_a_schema_for_the_editor_is_no_unknown_key():
    assert read(f'{{ "$schema": "./s.json", task: "vqa", {FULL} }}').problems == ()


def test_derived_values_follow_from_others_unless_they_are_written():
    reading = read(f'{{ task: "vqa", feature_type: "RN50x4", {FULL} }}')
    assert (reading.values["feat_dim"], reading.origins["feat_dim"]) == (2560, "from feature_type")
    assert reading.spec is not None
    assert reading.spec.feat_dim == 2560
    reading = read(f'{{ task: "tvqa", {FULL} }}')
    assert (reading.values["feature_type"], reading.origins["feature_type"]) == ("ViT", "from task")
    assert reading.values["feat_dim"] == 512
    reading = read(f'{{\n task: "vqa",\n feat_dim: 2048, {FULL} }}')
    assert reading.origins["feat_dim"] == "my.json5:3"


def test_control_characters_reach_no_message():
    for problem in read('{ task: "a\\u001b[31m", "\\u001b[2J": 1 }', "lr=\x1b[31m").problems:
        assert (problem.message + problem.fix + problem.origin).isprintable()


def test_a_missing_file_is_one_problem(tmp_path):
    (problem,) = read_spec(tmp_path / "no.json5").problems
    assert (problem.code, problem.of_a_file, problem.place) == ("F1", True, None)


def test_a_missing_file_and_a_bad_set_are_both_told(tmp_path):
    codes = {each.code for each in read_spec(tmp_path / "no.json5", ["lr"]).problems}
    assert codes == {"F1", "K4"}


def test_a_resolved_spec_leaves_the_launch_keys_to_the_launcher():
    reading = read(f'{{ task: "vqa", distributed: true, {FULL} }}')
    again = read(resolved(reading))
    assert again.problems == ()
    assert {"distributed", "multiGPU", "local_rank"} & again.written == {"distributed"}
