"""`vlcli params` as a person sees it, and its JSON twin."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from vlcli.cli.app import app

ADAPTER = '{ tasks: "vqa,gqa", backbone: "bart-tiny", use_adapter: true, share_up_sampler: true }'


def vlcli(*words: str, columns: str = "80") -> Result:
    """In this process: a new one would load torch for seconds."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": columns})


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "shared.json5"
    path.write_text(ADAPTER)
    return str(path)


SCREEN = """\
295,968 of 7,944,352 parameters train (3.726 %).

part               task   trainable       total   % of total
word embeddings                   0   6,459,520        0.000
encoder                           0     528,128        0.000
visual embedding            263,808     263,808        3.321
decoder                           0     660,736        0.000
adapter            all       11,520      11,520        0.145
adapter            vqa       10,320      10,320        0.130
adapter            gqa       10,320      10,320        0.130
all                         295,968   7,944,352        3.726

Memory: weights 30.3 MiB, gradients 1.1 MiB, optimizer state 2.3 MiB.
"""


@pytest.mark.parametrize("columns", ["70", "80", "120"])
def test_a_model_is_shown_part_by_part(spec, columns):
    done = vlcli("params", spec, columns=columns)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.rstrip() for line in done.stdout.splitlines()] == SCREEN.splitlines()


def test_one_task_needs_no_column(spec):
    done = vlcli("params", spec, "--set", "tasks=vqa", "--set", "share_up_sampler=false")
    assert "task" not in done.stdout
    assert "adapter" in done.stdout


def test_several_specs_are_compared(spec, tmp_path):
    other = tmp_path / "whole.json5"
    other.write_text('{ task: "vqa", backbone: "bart-tiny", unfreeze_language_model: true }')
    lines = vlcli("params", spec, str(other)).stdout.splitlines()
    assert lines[0].split() == ["spec", "trainable", "total", "%", "of", "total", "MiB"]
    assert [line.split()[0] for line in lines[1:3]] == ["shared", "whole"]
    assert lines[2].split()[3] == "100.000"
    assert max(map(len, lines)) <= 80


def test_the_json_form_is_an_object_or_a_list_of_them(spec):
    one = json.loads(vlcli("params", spec, "--json").stdout)
    assert list(one)[:5] == ["spec", "trainable", "total", "percent", "parts"]
    assert {"name": "adapter", "task": "vqa"}.items() <= one["parts"][-2].items()
    assert json.loads(vlcli("params", spec, spec, "--json").stdout) == [one, one]


def test_a_remark_does_not_stand_between_the_numbers(spec):
    told = vlcli("params", spec, "--set", "tokenizer=train")
    assert "8,200 tokens" in told.stderr
    assert "8,200 tokens" not in told.stdout
    done = vlcli("params", spec, "--set", "tokenizer=train", "--json")
    (remark,) = json.loads(done.stdout)["remarks"]
    assert "8,200 tokens" in remark


def test_a_spec_with_problems_is_not_counted(spec, tmp_path):
    done = vlcli("params", spec, str(tmp_path / "absent.json5"), "--set", "lr=-1")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "error[R130]" in done.stderr
    assert "error[F1]" in done.stderr
    assert vlcli("params", str(tmp_path / "absent.json5")).exit_code == 4
