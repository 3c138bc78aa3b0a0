"""Files that a spec names: missing ones are F3, and end with exit code 4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlcli.cli.screen import exit_code
from vlcli.spec.problem import Problem
from vlcli.spec.read import read_spec_text


def problems(values: dict[str, Any]) -> tuple[Problem, ...]:
    return read_spec_text(json.dumps({"task": "vqa", "use_adapter": True, **values})).problems


@pytest.mark.parametrize("key", ["load", "resume", "deepspeed", "train", "valid", "test"])
def test_a_missing_file_is_told_and_ends_with_4(key):
    path = "no/such/file.jsonl"
    (problem,) = problems({key: path})
    what = "run or weight file" if key in ("load", "resume") else "file or folder"
    assert (problem.code, problem.severity, problem.path) == ("F3", "error", key)
    assert problem.message == f'{key} is "{path}", and there is no such {what}.'
    assert problem.fix.startswith("Mend the path")
    assert exit_code([problem]) == 4


@pytest.mark.parametrize("key", ["backbone", "tokenizer"])
def test_a_folder_is_told_from_a_name_of_the_hub(key, tmp_path):
    assert problems({key: "someone/t5-of-theirs"}) == ()
    assert problems({key: f"{tmp_path}/"}) == () or key == "backbone"
    (problem,) = problems({key: "./no/such/t5"})
    assert (problem.code, problem.path) == ("F3", key)


def test_every_part_of_a_comma_text_is_looked_for(tmp_path):
    there = tmp_path / "there.jsonl"
    there.write_text("{}\n")
    (problem,) = problems({"train": f"{there}, gone.jsonl"})
    assert problem.message == 'train is "gone.jsonl", and there is no such file or folder.'


def test_names_of_splits_and_words_are_no_files():
    assert problems({"train": "karpathy_train,minival", "answer_vocab": "train"}) == ()


def test_an_answer_list_and_a_folder_of_pictures_are_looked_for(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text("{}\n")
    found = problems({"train": str(own), "images": "gone/", "answer_vocab": "gone.json"})
    assert {(each.code, each.path) for each in found} == {("F3", "images"), ("F3", "answer_vocab")}


@pytest.mark.parametrize("end", ["", ".safetensors", ".pth"])
def test_weights_are_found_with_and_without_their_suffix(tmp_path, end):
    Path(tmp_path / f"weights{end}").touch()
    assert problems({"load": str(tmp_path / "weights")}) == ()


def test_a_run_is_found_under_snap(tmp_path, monkeypatch):
    (tmp_path / "snap" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert problems({"load": "mine"}) == ()
    assert problems({"resume": "snap/mine"}) == ()


def test_a_tilde_is_not_a_home():
    (problem,) = problems({"load": "~/weights"})
    assert problem.fix == "Write the whole path: ~ stands for itself here."


def test_a_path_that_no_system_takes_is_missing_too():
    assert [each.code for each in problems({"deepspeed": "a\x00b"})] == ["F3"]
    assert [each.code for each in problems({"deepspeed": "a" * 5000})] == ["F3"]


def test_a_wrong_value_wins_over_a_missing_file():
    assert exit_code(problems({"deepspeed": "gone.json", "epochs": -1})) == 3
