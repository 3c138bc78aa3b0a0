"""The README is true: every command in it runs (the two set-up commands are run by .ci/run)."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import json5
import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = ["epochs=1", "train_topk=64", "valid_topk=16", "num_workers=0"]
SET_UP = [line for line in re.findall(r"^.*$", README, re.M) if line.startswith("pip install")]


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line not in SET_UP]


def test_there_are_exactly_two_set_up_commands_and_ci_runs_both():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert SET_UP == [
        "pip install -e . && vlcli train specs/quickstart.json5",
        "pip install -e '.[test]' && pytest",
    ]
    for command in SET_UP:
        install, _, work = command.partition(" && ")
        assert install.removeprefix("pip install") in ci
        assert work in ci


def test_every_other_command_runs_in_the_order_of_the_page(tmp_path, cache):
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "run.sh").write_text("python src/vqa.py --lr 1e-3 --num_workers $1\n")
    environment = {**os.environ, "NO_COLOR": "1", "XDG_CACHE_HOME": str(cache)}
    for command in ["vlcli train specs/quickstart.json5", *commands()]:
        words = shlex.split(command.partition(" > ")[0])
        if words[0] == "vlcli":
            words = [sys.executable, "-m", *words]
            if words[3] == "train" and "--resume" not in words:
                words += [word for each in SHORT for word in ("--set", each)]
        elif words[0] == "python":
            words[0] = sys.executable
        else:
            pytest.fail(f"the README names a command that is not ours: {command}")
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_its_specs_are_valid():
    from vlcli.spec.read import read_spec_text

    for text in re.findall(r"^```json5\n(.*?)^```", README, re.M | re.S):
        assert json5.loads(text)
        assert read_spec_text(text).errors == []
