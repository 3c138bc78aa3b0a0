"""Memory that is refused becomes a sentence; what is a bug stays one."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from vlcli.runs.folder import RunFolder
from vlcli.runs.shortage import shortages
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.spec.problem import UserError

SPEC = SimpleNamespace(batch_size=256, valid_batch_size=None, num_workers=4)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "There is not enough memory. Lower batch_size (256)"),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has"),
            "The GPU is out of memory (2.50 GiB more were refused). Lower batch_size (256)",
        ),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "There is not enough memory"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
            "Lower num_workers (4) or batch_size (256)",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            "a/b cannot be written: No space",
        ),
    ],
)
def test_a_shortage_is_one_sentence_that_says_what_to_do(error: Exception, words: str) -> None:
    with pytest.raises(UserError) as told, shortages(SPEC):
        raise error
    assert words in str(told.value)
    assert told.value.exit_code == 4


def test_what_torch_says_of_the_cpu_is_understood() -> None:
    with pytest.raises(UserError, match=r"not enough memory .* more were refused"), shortages(SPEC):
        torch.empty(1 << 60, dtype=torch.uint8)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), OSError(errno.EIO, "I/O error")])
def test_other_errors_are_not_dressed_up(error: Exception) -> None:
    with pytest.raises(type(error)) as told, shortages(SPEC):
        raise error
    assert told.value is error


def test_the_sentence_says_what_is_safe(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with (
        pytest.raises(UserError, match=r"No checkpoint of .* was written yet"),
        shortages(SPEC, run),
    ):
        raise MemoryError
    Checkpoints(tmp_path / "checkpoints").write(1, lambda folder: None, best=True)
    with pytest.raises(UserError, match=f"vlcli train --resume {tmp_path}"), shortages(SPEC, run):
        raise MemoryError
