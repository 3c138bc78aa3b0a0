"""One process at a time works on a run: a lock that its holder's death lets go of."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

LOCK = "lock.json"
ASKED = 0.2  # seconds between two questions whether a lock is free
UNABLE = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def held(folder: Path) -> Iterator[list[str]]:
    """Hold a run folder; UserError names the process that holds it already.

    Yields what there is to say: that a dead process had it, or that this file system cannot lock.
    The operating system keeps the lock (on the file `lock.json`) and frees it however the holder
    ends, so a lock that is left behind is never in the way; the file says who holds it. Loading
    processes do not inherit it.
    """
    path = folder / LOCK
    file, said = _take(path)
    try:
        yield said
    finally:
        path.unlink(missing_ok=True)
        os.close(file)


class Turn:
    """One process after the other: a lock that is waited for. Where the file system cannot lock,
    nobody waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mine = False

    def __enter__(self) -> Turn:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def now(self) -> bool:
        """Whether it is this process's turn."""
        if not self.mine:
            try:
                _lock(self._file, self.path)
                self.mine = True
            except UserError:
                return False
        return True

    def take(self, waiting: Callable[[], None]) -> None:
        """Return when it is this process's turn; `waiting` is called where that takes time."""
        if self.now():
            return
        waiting()
        while not self.now():
            time.sleep(ASKED)


def _take(path: Path) -> tuple[int, list[str]]:
    """The locked file, open, and what there is to say of it."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.") from error
        try:
            said = _lock(file, path)
            if not _is(file, path):  # its holder has just ended and removed it
                os.close(file)
                continue
            left = _holder(file)
            if left:
                said.append(f"A run of {left} ended here without a word; this one goes on.")
            os.truncate(file, 0)
            os.pwrite(file, json.dumps(_me()).encode(), 0)
        except OSError as error:
            os.close(file)
            raise UserError(f"{path} cannot be written: {error.strerror}.") from error
        except UserError:
            os.close(file)
            raise
        return file, said


def _lock(file: int, path: Path) -> list[str]:
    """Lock an open file, or raise UserError with its holder; a remark where there are no locks."""
    try:
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise UserError(
            f"{path.parent} is in use by {_holder(file) or 'another process'}. Wait for it or stop "
            "it, or train into another output."
        ) from None
    except (ImportError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in UNABLE:
            raise
        return [f"Nothing keeps a second process out of {path.parent}: there are no locks here."]
    return []


def _is(file: int, path: Path) -> bool:
    """Whether the open file still is the one at that path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _me() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}


def _holder(file: int) -> str:
    """ "process 17 on this-host, since 2024-05-01 12:00:00"; empty where nobody has signed."""
    try:
        holder = json.loads(os.pread(file, 4096, 0))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(holder["since"]))
        return f"process {holder['pid']} on {holder['host']}, since {since}"
    except (ValueError, TypeError, KeyError):
        return ""
