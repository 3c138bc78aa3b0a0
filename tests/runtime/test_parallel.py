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
