"""`vlcli data check`: its screen, its JSON twin and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from .test_screens import vlcli

SPEC = {
    "task": "vqa", "backbone": "t5-tiny", "from_scratch": True, "tokenizer": "train",
    "unfreeze_language_model": True, "feature_type": "patch", "image_size": 32, "patch_size": 16,
    "train": "own.jsonl", "valid": "own.jsonl", "num_workers": 1,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec and four records, two of each split, all right."""
    rows = []
    for number in range(4):
        Image.new("RGB", (32, 32), ("red", "blue")[number % 2]).save(tmp_path / f"{number}.png")
        split = ("train", "valid")[number // 2]
        row = {"id": f"q{number}", "image": f"{number}.png", "text": "?", "answers": ["red"]}
        rows.append({**row, "split": split})
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "spec.json5").write_text(json.dumps(SPEC))
    return tmp_path


def test_a_clean_spec_is_a_table_and_0(folder: Path) -> None:
    done = vlcli("data", "check", "spec.json5", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "task   split   records   examples   pictures   findings\n"
        "vqa    train         2          2          2   nothing \n"
        "vqa    valid         2          2          2   nothing \n"
        "\nNothing is wrong; "
    )
    assert done.stdout.endswith(", 4 pictures read.\n")


def test_findings_of_all_splits_stand_above_the_table(folder: Path) -> None:
    (folder / "0.png").unlink()
    (folder / "3.png").write_bytes(b"")
    done = vlcli("data", "check", "spec.json5", "--set", "num_workers=0", cwd=folder)
    assert done.returncode == 4
    assert done.stdout.startswith(
        "error: vqa, train: 1 of 2 examples lack their picture or features: "
        '"q0": There is no picture 0.png.\n'
        "error: vqa, valid: 1 of 2 examples have pictures that cannot be read: "
        '"q3": 3.png is not a picture \n'
    ), done.stdout
    assert "\n2 errors; " in done.stdout.lower()
    skipped = vlcli("data", "check", "spec.json5", "--set", "on_bad_example=skip", cwd=folder)
    assert skipped.returncode == 0
    assert skipped.stdout.startswith("warning: vqa, train: 1 of 2 examples")


def test_json_has_the_same_and_fast_opens_no_picture(folder: Path) -> None:
    with (folder / "own.jsonl").open("a") as file:
        file.write('\n{"text": 3}\n')
    (folder / "3.png").write_bytes(b"")
    done = vlcli("data", "check", "spec.json5", "--fast", "--json", cwd=folder)
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert (told["spec"], told["problems"], told["opened"]) == ("spec.json5", [], 0)
    assert told["exit_code"] == 3
    (found,) = told["findings"]
    assert found == {
        "task": "vqa", "split": "train", "kind": "record", "severity": "error",
        "sentence": 'own.jsonl, line 5: "text" must be a text.', "number": 1,
        "first": {"own.jsonl, line 5": 'own.jsonl, line 5: "text" must be a text.'}, "code": 3,
    }  # fmt: skip
    assert [(each["split"], each["records"]) for each in told["splits"]] == [
        ("train", 2),
        ("valid", 2),
    ]


def test_a_file_that_is_not_there_hides_nothing(folder: Path) -> None:
    (folder / "0.png").unlink()
    done = vlcli("data", "check", "spec.json5", "--set", "valid=gone.jsonl", cwd=folder)
    assert done.returncode == 4
    assert 'valid is "gone.jsonl", and there is no such file or folder.' in done.stderr
    assert "vqa, valid: There is no file gone.jsonl." in done.stdout
    assert "There is no picture 0.png." in done.stdout


def test_a_wrong_spec_is_told_before_any_data_is_read(folder: Path) -> None:
    done = vlcli("data", "check", "spec.json5", "--set", "epochs=-1", cwd=folder)
    assert (done.returncode, done.stdout) == (3, "")
    assert "epochs" in done.stderr
