"""Several gloo processes have the loss and the gradient of one with the whole batch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.archs.dual_encoder.recorded import needs_recordings, numbers, tensors
from vlcli.archs.dual_encoder.objectives import OBJECTIVES

EXACT = 1e-9


def _run(folder: Path, processes: int) -> dict[str, Tensor]:
    launcher = [sys.executable]
    if processes > 1:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            port = str(server.getsockname()[1])
        launcher += ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
        launcher += ["--master_addr", "127.0.0.1", "--master_port", port]
    command = [*launcher, "-m", "tests.archs.dual_encoder.twin", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(folder / f"out{processes}.safetensors")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Tensor]]:
    """With one process, and with two and four that have different numbers of rows."""
    folder = tmp_path_factory.mktemp("gathering")
    torch.manual_seed(1)
    made = {name: torch.randn(10, 16, dtype=torch.float64) for name in ("S", "T")}
    made |= {"W": torch.randn(16, 8, dtype=torch.float64)}
    made |= {"labels": torch.tensor([0, 1, 2, -1, 0, 1, -1, 3, 2, 2])}
    save_file(made, folder / "in.safetensors")
    return {many: _run(folder, many) for many in (1, 2, 4)}


@pytest.mark.parametrize("many", [2, 4])
@pytest.mark.parametrize("setting", ["", "whole"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_gradient_and_memory_are_those_of_one_process(
    outcomes: dict[int, dict[str, Tensor]], name: str, setting: str, many: int
) -> None:
    one, others = outcomes[1], outcomes[many]
    keys = [key for key in one if key.startswith(f"{name}|{setting}|")]
    assert len(keys) >= 2
    for key in keys:
        torch.testing.assert_close(others[key], one[key], atol=EXACT, rtol=EXACT, msg=key)


@needs_recordings
def test_the_recorded_gradients_of_two_processes(tmp_path: Path) -> None:
    """Exact ones, and those that the published defaults give: divided by the processes."""
    held, facts = tensors("gather_2proc"), numbers("gather_2proc")
    made = {name: held[f"in.{name}"].contiguous() for name in ("S", "T", "W", "labels")}
    made["scale"] = torch.tensor(1 / 0.07, dtype=torch.float64)
    save_file(made, tmp_path / "in.safetensors")
    found = _run(tmp_path, 2)
    for name in ("InfoNCE", "UniCL"):
        exact = held[f"out.full.{name}.grad_W"]
        for setting in ("", "whole"):
            _same(found[f"{name}|{setting}|gradient"], exact)
        legacy = f"ITRA.{name}[local_loss=False,gather_with_grad=False]"
        _same(found[f"{name}|legacy|gradient"], held[f"out.{legacy}.grad_W"])
        _same(found[f"{name}|legacy|gradient"], exact / 2)
        loss = found[f"{name}||loss"].item()
        assert loss == pytest.approx(facts["full"][name]["loss"], abs=EXACT)


def _same(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted.flatten(), atol=EXACT, rtol=0)
