"""What a person sees: whole screens, and their JSON twins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def vlcli(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vlcli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
    )


FIVE_MISTAKES = """\
// Questions about my photos
{
    "task": "vqa",
    "batch_sise": 80,
    "use_adapter": true,
    "use_compacter": true,
    "lora_dim": 8,
    "dropout": "0.1",
    "epochs": 20
    "lr": 1e-3,
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json5"
    path.write_text(FIVE_MISTAKES)
    return path


def test_five_mistakes_of_five_kinds_on_one_screen(spec):
    done = vlcli("validate", "mine.json5", cwd=spec.parent)
    assert done.returncode == 3
    assert done.stderr == ""
    assert (
        done.stdout
        == """\
error[K1]: There is no key "batch_sise".
 --> mine.json5:4:5
4 | "batch_sise": 80,
  | ^^^^^^^^^^^^
  = fix: Did you mean batch_size?

error[R1]: use_adapter and use_compacter are on together; a model holds one kind of adapter.
 --> mine.json5:5:5
5 | "use_adapter": true,
  | ^^^^^^^^^^^^^
6 | "use_compacter": true,
  | ---------------
  = fix: Keep one of them, for example use_adapter: true, and set the other to false.

warning[R21]: lora_dim has no effect: it is read only with use_lora: true.
 --> mine.json5:7:5
7 | "lora_dim": 8,
  | ^^^^^^^^^^
  = fix: Set use_lora: true, or remove it.

error[V1]: dropout is "0.1"; it must be a number of at least 0 and below 1.
 --> mine.json5:8:5
8 | "dropout": "0.1",
  | ^^^^^^^^^
  = fix: Write dropout: 0.1, without quotes.

error[S1]: A comma is missing before "lr".
  --> mine.json5:10:5
10 | "lr": 1e-3,
   | ^^^^
   = fix: Write a comma after the value 20.

mine.json5: 4 errors, 1 warning. More about one: vlcli explain K1
"""
    )


def test_the_same_as_json(spec):
    done = vlcli("validate", str(spec), "--json")
    assert done.returncode == 3
    (found,) = json.loads(done.stdout)
    assert found["spec"] == str(spec)
    assert [each["code"] for each in found["problems"]] == ["K1", "R1", "R21", "V1", "S1"]
    assert found["problems"][1] == {
        "code": "R1",
        "severity": "error",
        "message": "use_adapter and use_compacter are on together; "
        "a model holds one kind of adapter.",
        "fix": "Keep one of them, for example use_adapter: true, and set the other to false.",
        "path": "use_adapter",
        "line": 5,
        "column": 5,
        "origin": "file",
        "places": [{"path": "use_compacter", "line": 6, "column": 5, "origin": "file"}],
    }


def test_a_clean_spec_is_one_line(tmp_path):
    done = vlcli("validate", "specs/quickstart.json5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "specs/quickstart.json5: ok. Trains vlt5 (t5-tiny, from scratch) on vqa, data shapes: "
        "full fine-tuning; patch features (16 x 768).\n"
    )


def test_a_problem_of_a_set_value_names_its_origin():
    done = vlcli("validate", "specs/quickstart.json5", "--set", "lora_dim=0")
    assert done.returncode == 3
    assert (
        done.stdout
        == """\
error[R20]: lora_dim is 0; it must be a whole number of at least 1.
 --> --set lora_dim=0 (on specs/quickstart.json5)
  = fix: Mend the value; the default is 4.

specs/quickstart.json5: 1 error. More about one: vlcli explain R20
"""
    )


@pytest.mark.parametrize(
    ("content", "code", "exit_code", "message"),
    [
        (b"", "S6", 3, None),
        (b"// only a remark\n", "S6", 3, None),
        (b"[1, 2]", "S7", 3, None),
        (b"\xff\xfe{}", "S0", 3, None),
        (b'{"task": ' + b"[" * 70 + b"]" * 70 + b"}", "S5", 3, None),
        (b'{"task": "vqa", "lr": NaN}', "S3", 3, None),
        (b" " * 70_000, "S4", 3, None),
        (b'{"task": "vqa", "task": "gqa"}', "S2", 3, 'The key "task" is written twice'),
        (None, "F1", 4, "There is no file"),
    ],
)
def test_bad_files_get_one_sentence(tmp_path, content, code, exit_code, message):
    path = tmp_path / "bad.json5"
    if content is not None:
        path.write_bytes(content)
    done = vlcli("validate", str(path), "--json")
    assert done.returncode == exit_code
    assert done.stderr == ""
    found = json.loads(done.stdout)[0]["problems"]
    assert code in [each["code"] for each in found]
    assert (message or "") in " ".join(each["message"] for each in found)
    screen = vlcli("validate", str(path))
    assert screen.returncode == exit_code
    assert f"error[{code}]" in screen.stdout


def test_a_folder_is_not_a_spec(tmp_path):
    done = vlcli("validate", str(tmp_path))
    assert done.returncode == 4
    assert "error[F2]" in done.stdout


def test_a_wrong_spec_wins_over_a_missing_file(tmp_path):
    missing, wrong = tmp_path / "missing.json5", tmp_path / "wrong.json5"
    wrong.write_text('{ task: "vqa", epochs: -1, unfreeze_lm_head: true }')
    assert vlcli("validate", str(missing), str(wrong)).returncode == 3
    absent = tmp_path / "absent.json5"
    absent.write_text('{ task: "vqa", deepspeed: "ds.json", unfreeze_lm_head: true }')
    assert vlcli("validate", str(absent)).returncode == 4
    absent.write_text('{ task: "vqa", deepspeed: "ds.json", epochs: -1 }')
    assert vlcli("validate", str(absent)).returncode == 3


def test_warnings_fail_only_under_strict(tmp_path):
    path = tmp_path / "idle.json5"
    path.write_text('{ task: "vqa", lora_dim: 8, unfreeze_lm_head: true }')
    assert vlcli("validate", str(path)).returncode == 0
    assert vlcli("validate", str(path), "--strict").returncode == 3


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_spec_comes_through_a_pipe(name):
    converted = vlcli("convert", "--", "src/vqa.py", "--backbone", "t5-base", "--use_lora").stdout
    done = subprocess.run(
        [sys.executable, "-m", "vlcli", "validate", name, "--set", "lora_dim=0"],
        input=converted,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "--> --set lora_dim=0 (on <stdin>)" in done.stdout
    fine = [sys.executable, "-m", "vlcli", "show", name, "--json"]
    shown = subprocess.run(fine, input=converted, capture_output=True, text=True)
    assert json.loads(shown.stdout)["use_lora"] is True


def frame_of(screen: str, code: str) -> tuple[str, str]:
    """The line of a problem's frame, and what stands under its marks' line."""
    lines = screen.partition(f"[{code}]")[2].splitlines()
    at = next(n for n, line in enumerate(lines) if "^" in line)
    return lines[at - 1], lines[at]


@pytest.mark.parametrize("columns", ["40", "60", "100"])
def test_carets_stand_under_their_place_on_any_screen(tmp_path, monkeypatch, columns):
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", columns)
    path = tmp_path / "wide.json5"
    note = "\u65e5\u672c\u8a9e\u306e\u8aac\u660e\u6587, e\u0301tude"  # wide, and a combining accent
    path.write_text(
        f'{{ task: "vqa", unfreeze_lm_head: true, comment: "{note * 3}", dropout: "0.1", '
        f'epochs: 3, lora_dimm: 8, run_name: "{note * 4}" }}'
    )
    screen = vlcli("validate", str(path)).stdout
    for code, key in (("V1", "dropout"), ("K1", "lora_dimm")):
        line, marks = frame_of(screen, code)
        assert cell_len(line) <= int(columns)
        before, _, _ = line.partition(key)
        assert line != before
        assert cell_len(before) == marks.index("^")
        assert marks.count("^") == len(key)


def test_usage_errors_are_2_and_say_so_on_stderr():
    done = vlcli("validate")
    assert (done.returncode, done.stdout) == (2, "")
    assert "SPEC" in done.stderr
    assert vlcli("explain", "lora_dimm").returncode == 2
    assert "Did you mean lora_dim?" in vlcli("explain", "lora_dimm").stderr


def test_no_colour_reaches_a_pipe(spec):
    assert "\x1b" not in vlcli("validate", str(spec)).stdout


def test_show_prints_a_spec_that_is_itself_valid(tmp_path):
    shown = tmp_path / "shown.json5"
    shown.write_text(vlcli("show", "specs/captions.json5").stdout)
    done = vlcli("validate", str(shown), "--strict")
    assert done.returncode == 0, done.stdout


def test_show_says_where_each_value_comes_from(tmp_path):
    path = tmp_path / "mine.json5"
    path.write_text('{\n  task: "gqa",\n  preset: "single_adapter",\n  epochs: 3,\n}\n')
    done = vlcli("show", str(path), "--origin", "--json", "--set", "lr=0.5")
    values = json.loads(done.stdout)
    assert values["task"] == {"value": "gqa", "origin": f"{path}:2"}
    assert values["epochs"] == {"value": 3, "origin": f"{path}:4"}
    assert values["lr"] == {"value": 0.5, "origin": "--set lr=0.5"}
    assert values["reduction_factor"] == {"value": 8, "origin": "preset single_adapter"}
    assert values["prompt"] == {"value": "gqa: ", "origin": "task gqa"}
    assert values["arch"] == {"value": "vlt5", "origin": "from backbone"}
    assert values["seed"] == {"value": 9595, "origin": "default"}


def test_init_writes_a_recipe_and_never_over_a_file(tmp_path):
    done = vlcli("init", "captions", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "captions.json5\n")
    assert vlcli("validate", "captions.json5", cwd=tmp_path).returncode == 0
    (tmp_path / "captions.json5").write_text("mine")
    again = vlcli("init", "captions", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists" in again.stderr
    assert (tmp_path / "captions.json5").read_text() == "mine"
    assert "Did you mean captions" in vlcli("init", "caption", cwd=tmp_path).stderr


def test_init_lists_recipes_where_they_are_asked_for():
    asked = vlcli("init", "--list")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "quickstart" in asked.stdout
    bare = vlcli("init")
    assert (bare.returncode, bare.stdout) == (2, "")
    assert bare.stderr.startswith("Name a recipe: vlcli init RECIPE [PATH]. There are:\n")
    assert "quickstart" in bare.stderr


def test_explain_knows_every_key_and_both_spellings():
    rows = json.loads(vlcli("explain", "--json").stdout)
    assert len(rows) >= 139
    lora = vlcli("explain", "lora_dim").stdout
    assert lora.startswith("lora_dim  (LoRA)\n  Rank of the update.\n")
    assert "read     only with use_lora: true" in lora
    assert vlcli("explain", "wordMaskRate").stdout.startswith("word_mask_rate  (Pretraining)")
    assert vlcli("explain", "r1").stdout.startswith("R1 (error): one kind of adapter at a time")


def test_list_says_where_things_come_from():
    archs = json.loads(vlcli("list", "archs", "--json").stdout)
    assert [(row["name"], row["source"]) for row in archs] == [
        ("vlt5", "built in"),
        ("vlbart", "built in"),
    ]
    assert "hyperformer" in vlcli("list", "methods").stdout
    assert "quickstart" in vlcli("list", "recipes").stdout


def test_convert_makes_a_valid_spec_of_a_command_line(tmp_path):
    done = vlcli(
        "convert", "--", "src/vqa.py", "--backbone", "t5-base", "--use_adapter",
        "--use_single_adapter", "--lr", "1e-3", "--epochs", "20",
    )  # fmt: skip
    assert done.returncode == 0
    spec = tmp_path / "converted.json5"
    spec.write_text(done.stdout)
    assert vlcli("validate", str(spec)).returncode == 0
    shown = json.loads(vlcli("show", str(spec), "--json").stdout)
    assert (shown["task"], shown["use_adapter"], shown["epochs"]) == ("vqa", True, 20)
