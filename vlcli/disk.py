"""Files that must be whole: forced to the disk, known by their digest, of one writer at a time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError


def cache_folder() -> Path:
    """`vlcli` in the user's cache folder: $XDG_CACHE_HOME, else ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache") / "vlcli"


class Busy(UserError):
    """Another process is writing there."""


def sync(path: Path) -> None:
    """Force a file, or a folder's list of names, to the disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(file: Any, place: Path) -> None:
    """One writer at a time; the system lets go of the lock when the process ends, however."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Busy(
            f"Another process is writing {place}. Wait for it, or name another place."
        ) from None
