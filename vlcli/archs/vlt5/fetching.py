"""Getting what has a name from the hub's cache, a folder or the hub, or saying what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError


def fetched(load: Callable[..., Any], name: str, what: str, **options: Any) -> Any:
    """`load(name)` from this machine, else from the hub; UserError where neither has it."""
    try:
        return load(name, local_files_only=True, **options)
    except OSError as error:
        if Path(name).is_dir():
            raise UserError(f"The folder {name} holds no {what}: {_first_line(error)}") from error
    if not _offline():
        try:
            return load(name, **options)
        except OSError as error:
            raise UserError(_missing(name, what)) from error
    raise UserError(_missing(name, what))


def _offline() -> bool:
    return any(
        os.environ.get(key, "").lower() in ("1", "true", "yes", "on")
        for key in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def _missing(name: str, what: str) -> str:
    return (
        f"The {what} {name} is not on this machine and cannot be downloaded here: where there is a "
        f"network, run `hf download {name} --local-dir DIR`, copy DIR over and name it in its place."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
