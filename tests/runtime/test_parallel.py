"""Two gloo processes are one process with the same global batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vlcli.runtime.weights import read_weights

from .tiny import furthest


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def run(folder: Path, processes: int, case: dict[str, Any], **env: str) -> tuple[Any, Any]:
    """What `twin` reports by rank, and its last weights."""
    folder.mkdir(exist_ok=True)
    launcher = [sys.executable]
    if processes > 1:
        port = str(free_port())
        launcher += ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
        launcher += ["--master_addr", "127.0.0.1", "--master_port", port]
    command = [*launcher, "-m", "tests.runtime.twin", str(folder), json.dumps(case)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **env}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((folder / "report.json").read_text())
    return report, read_weights(folder / "end.safetensors")


@pytest.mark.parametrize(
    "case",
    [
        {"averaged": "example"},
        {"averaged": "token"},
        {"averaged": "token", "accumulate": 2},
    ],
    ids=["per example", "per token", "per token, accumulated"],
)
def test_two_processes_end_where_one_does(tmp_path: Path, case: dict[str, Any]) -> None:
    one, alone = run(tmp_path / "one", 1, case)
    two, together = run(tmp_path / "two", 2, case)
    assert [each["error"] for each in (*one, *two)] == [""] * 3
    assert one[0]["steps"] == two[0]["steps"] == 10
    assert furthest(alone, together) < 1e-6
    assert [each["same"] for each in two] == [[True] * 10] * 2


def test_a_part_that_one_process_alone_uses_trains_as_if_accumulated(tmp_path: Path) -> None:
    case = {"averaged": "token", "heads": True}
    one, alone = run(tmp_path / "one", 1, {**case, "accumulate": 2})
    two, together = run(tmp_path / "two", 2, case)
    assert one[0]["steps"] == two[0]["steps"] == 10
    assert furthest(alone, together) < 1e-6
    assert [each["same"] for each in two] == [[True] * 10] * 2


def test_one_bad_point_stops_every_process_with_its_name(tmp_path: Path) -> None:
    two, weights = run(tmp_path, 2, {"averaged": "token", "poison": 17})
    assert two[0] == two[1]
    assert "the loss is not a finite number" in two[0]["error"]
    assert "point-17" in two[0]["error"]
    assert all(value.isfinite().all() for value in weights.values())


def test_two_processes_resume_to_the_same_bits(tmp_path: Path) -> None:
    case = {"averaged": "example", "dropout": 0.3, "save_every": 1}
    _, straight = run(tmp_path, 2, case)
    report, resumed = run(tmp_path, 2, {**case, "resume": 4})
    assert len(report[0]["same"]) == 6
    assert furthest(straight, resumed) == 0
    with pytest.raises(AssertionError, match="has 2 processes and this run has 1"):
        run(tmp_path, 1, {**case, "resume": 4})
