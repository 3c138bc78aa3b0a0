"""The folder of a run: what it holds, how it is made, and how it is found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vlcli import __version__
from vlcli.runs.lock import LOCK
from vlcli.spec.facts import MULTITASK
from vlcli.spec.problem import UserError

SNAP = Path("snap")
FACTS = "run.json"
SPEC = "spec.json5"
LIBRARIES = ("torch", "transformers", "accelerate", "safetensors", "tokenizers", "numpy")


class RunFolder:
    """A run on disk.

    `run.json` (what it is, how it stands, its score), `spec.json5` (the resolved spec),
    `environment.json` (versions, machine, git state), `tokenizer/`, `answers.json`,
    `prior.json`, `metrics.jsonl`, `checkpoints/`, `predictions/<split>.jsonl`,
    `results/<split>.json`, `log.txt`, and `lock.json` while a process works on it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def choose(cls, output: str | None, spec_name: str) -> RunFolder:
        """The folder of a new run: `output`, else a new snap/<spec name>, then -2, -3, ..."""
        if output is None:
            return cls(_free(SNAP / spec_name))
        path = Path(output)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path} cannot be made: {error.strerror}.") from error
        return cls(path)

    def begin(self, facts: dict[str, Any]) -> None:
        """Begin a run in a folder that this process holds; UserError where one has been."""
        if any(path.name != LOCK for path in self.path.iterdir()):
            raise UserError(
                f"{self.path} exists and is not empty; a run never writes over another. Name "
                "another output, or continue that run with --resume.",
            )
        self.note(**facts, started=time.time(), status="running", vlcli=__version__)
        self.write_json("environment.json", environment())

    @classmethod
    def find(cls, name: str) -> RunFolder:
        """A run by its folder, or by its name: then the newest of snap/<name>, <name>-2, ..."""
        if (Path(name) / FACTS).is_file():
            return cls(Path(name))
        named = [run for run in cls.all() if _base(run.path.name) == name or run.path.name == name]
        exact = [run for run in named if run.path.name == name]
        if exact or named:
            finished = [run for run in named if run.facts.get("status") == "finished"]
            return max(finished or exact or named, key=lambda run: run.facts.get("started", 0))
        raise UserError(
            f'There is no run "{name}": neither a run folder of this path nor one in {SNAP}/. '
            "`vlcli runs` lists those there are."
        )

    @classmethod
    def newest(cls, *tasks: str) -> RunFolder:
        """The newest finished run on one of these tasks."""
        runs = [
            run
            for run in cls.all()
            if run.facts.get("status") == "finished"
            and set(tasks) & set(run.facts.get("tasks", ()))
        ]
        if not runs:
            named = " or ".join(f'"{task}"' for task in tasks)
            raise UserError(
                f"No finished run on {named} in {SNAP}/. Train one (vlcli train SPEC), or name a "
                "run folder with --run."
            )
        return max(runs, key=lambda run: run.facts.get("started", 0))

    @classmethod
    def all(cls) -> list[RunFolder]:
        """The runs in snap/, oldest first; folders of other kinds are passed over."""
        found = [cls(path.parent) for path in SNAP.glob(f"*/{FACTS}")]
        return sorted(found, key=lambda run: run.facts.get("started", 0))

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says; empty where it cannot be read."""
        try:
            facts = json.loads((self.path / FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    @property
    def mixed(self) -> bool:
        """Whether it trains several tasks in turn."""
        return self.facts.get("task") == MULTITASK

    def note(self, **facts: Any) -> None:
        """Add facts to run.json."""
        self.write_json(FACTS, {**self.facts, **facts})

    def write_json(self, name: str, value: Any) -> Path:
        """Write a JSON file aside and rename it, so that no reader sees half of it."""
        return self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def write_text(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            aside.write_text(text, encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise UserError(f"{path} cannot be written: {error.strerror}.") from error
        return path

    def write_lines(self, name: str, rows: Iterator[Any]) -> Path:
        """A JSON object a line."""
        return self.write_text(
            name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        )

    def read_json(self, name: str) -> Any:
        """A JSON file of the run; UserError where it is missing or damaged."""
        path = self.path / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"The run {self.path} has no {name}.") from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}.") from error


def _base(name: str) -> str:
    """ "vqa-3" -> "vqa"."""
    stem, _, number = name.rpartition("-")
    return stem if stem and number.isdecimal() else name


def _free(wanted: Path) -> Path:
    """`wanted`, else with -2, -3, ... behind it; made at once, so that no two runs share it."""
    number = 1
    while True:
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise UserError(f"{path} cannot be made: {error.strerror}.") from error
        else:
            return path


def environment() -> dict[str, Any]:
    """Versions, machine and git state that a result depends on."""
    return {
        "vlcli": __version__,
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "cpus": os.cpu_count(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "command": sys.argv,
        "git": _git(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """Commit and whether the tree has changes, of the folder a run is started in."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
        status = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "changed": bool(status.stdout.strip())}
