"""What a machine can run out of, disk and memory, as sentences."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from vlcli.runs.folder import RunFolder
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.spec.problem import UserError

FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# What torch and its libraries say where they have no exception of its own for it.
REFUSED = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|bad_alloc|unable to mmap"
    r"|not enough memory|could not create a memory object|_ALLOC_FAILED",
    re.IGNORECASE,
)
KILLED = re.compile(r"DataLoader worker \(pid[^)]*\).*(killed by signal|exited unexpectedly)", re.S)


@contextmanager
def shortages(spec: Any, run: RunFolder | None = None) -> Iterator[None]:
    """A full disk and exhausted memory become a UserError that says what to do, and what of `run`
    is safe."""
    try:
        yield
    except (OSError, MemoryError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            sentence = _disk(error, run)
        elif _is_of_memory(error):
            sentence = _memory(error, spec, run)
        else:
            raise
        raise UserError(sentence) from error


def _disk(error: OSError, run: RunFolder | None) -> str:
    where = error.filename or (run.path if run else "the working folder")
    return f"{where} cannot be written: {error.strerror}. Make room.{_safe(run)}"


def _memory(error: Exception, spec: Any, run: RunFolder | None) -> str:
    if KILLED.search(str(error)):
        what = "A loading process was killed, as happens when memory runs out"
        lower = [f"num_workers ({spec.num_workers})", f"batch_size ({spec.batch_size})"]
    else:
        gpu = isinstance(error, torch.OutOfMemoryError) or "CUDA" in str(error)
        what = "The GPU is out of memory" if gpu else "There is not enough memory"
        what += f" ({_first(error)})" if _first(error) else ""
        lower = [f"batch_size ({spec.batch_size})"]
    if spec.valid_batch_size:
        lower.append(f"valid_batch_size ({spec.valid_batch_size})")
    return (
        f"{what}. Lower {' or '.join(lower)}; gradient_accumulation_steps keeps an update as large "
        f"as it was. A smaller backbone or fewer visual tokens help, too.{_safe(run)}"
    )


def _is_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return bool(REFUSED.search(str(error)) or KILLED.search(str(error)))


def _first(error: Exception) -> str:
    """What was asked for, where the error says so."""
    asked = re.search(
        r"tried to allocate (\d+) bytes|[Tt]ried to allocate ([\d.]+ \w+)", str(error)
    )
    if asked is None:
        return ""
    size = f"{int(asked[1]) / 2**20:.1f} MiB" if asked[1] else asked[2]
    return f"{size} more were refused"


def _safe(run: RunFolder | None) -> str:
    if run is None:
        return ""
    if not Checkpoints(run.path / "checkpoints").any():
        return f" No checkpoint of {run.path} was written yet."
    return (
        f" The last checkpoint is intact; go on from it with: vlcli train --resume {run.path} "
        f"(a run of other sizes begins from its weights with load: {str(run.path)!r})"
    )
