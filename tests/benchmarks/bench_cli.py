"""CPU seconds of the reading commands as whole processes, and of checking a loaded document.

    python tests/benchmarks/bench_cli.py

Prints the median of 7 runs beside its aim, and beside a Python that does nothing and one that
imports typer and pydantic alone: the floor that no command of ours can undercut.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 7
# As on a user's machine: modules are compiled once, not at every start.
ENVIRONMENT = {key: each for key, each in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
VLCLI = [str(Path(sys.executable).with_name("vlcli"))]  # the command that pip installs
COMMANDS: dict[str, tuple[list[str], float | None]] = {
    "python -c pass": ([sys.executable, "-c", "pass"], None),
    "import typer": ([sys.executable, "-c", "import typer"], None),
    "import typer, pydantic.BaseModel": (
        [sys.executable, "-c", "import typer; from pydantic import BaseModel"],
        None,
    ),
    "vlcli --help": ([*VLCLI, "--help"], 0.20),
    "vlcli validate specs/quickstart.json5": (
        [*VLCLI, "validate", "specs/quickstart.json5"],
        0.40,
    ),
}


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one whole process."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd=ROOT)
    after = os.times()
    return (
        after.children_user - before.children_user + after.children_system - before.children_system
    )


def median_of(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(RUNS))


def check_milliseconds() -> tuple[int, float]:
    """Number of keys of a document that writes nearly all of them, and the time to check it."""
    from vlcli.archs.vlt5.spec import VLSpec
    from vlcli.spec.fields import arguments
    from vlcli.spec.read import check
    from vlcli.spec.source import read_text
    from vlcli.spec.values import shown_whole

    skipped = ("arch", "preset", "resume", "load", "deepspeed", "images", "answer_vocab")
    values = {key: field.default for key, field in arguments(VLSpec).items() if key not in skipped}
    values |= {"task": "vqa", "tasks": "vqa"}
    text = "{" + ",\n".join(f'"{key}": {shown_whole(value)}' for key, value in values.items()) + "}"
    source = read_text(text, "every key")
    check(source)  # the class is built once

    def once() -> float:
        begin = time.process_time()
        check(source)
        return time.process_time() - begin

    gc.disable()
    return len(values), 1000 * median_of(once)


def main() -> None:
    width = max(map(len, COMMANDS))
    for command, _ in COMMANDS.values():
        cpu_seconds(command)  # warm the file cache and the byte code
    # interleaved: a slow minute of the machine falls on all of them
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, (command, _aim) in COMMANDS.items():
            times[name].append(cpu_seconds(command))
    for name, (_, aim) in COMMANDS.items():
        found = statistics.median(times[name])
        print(f"{name:<{width}}  {found:6.3f} s" + (f"  (aim {aim:.2f})" if aim else ""))
    keys, milliseconds = check_milliseconds()
    print(
        f"{f'checking a loaded document of {keys} keys':<{width}}  {milliseconds:6.2f} ms (aim 5)"
    )


if __name__ == "__main__":
    main()
