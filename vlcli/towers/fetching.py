"""Getting what has a name from the hub's cache, a folder or the hub, or saying what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlcli.hub import hub_can_be_reached
from vlcli.spec.problem import UserError


def fetched(
    load: Callable[..., Any], name: str, what: str, files: tuple[str, ...], **options: Any
) -> Any:
    """`load(name)` from this machine, else from the hub; UserError where neither has it.

    A folder has it when it holds one of `files`.
    """
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in files):
        raise UserError(f"The folder {name} holds no {what}: it has no {' and no '.join(files)}.")
    try:
        return load(name, local_files_only=True, **options)
    except OSError as error:
        if folder.is_dir():
            raise UserError(f"The {what} in {name} cannot be read: {_first_line(error)}") from error
    if not hub_can_be_reached():
        raise UserError(_missing(name, what))
    try:
        return load(name, **options)
    except OSError as error:
        raise UserError(_missing(name, what)) from error


def _missing(name: str, what: str) -> str:
    return (
        f"The {what} {name} is not on this machine and cannot be downloaded from here: where "
        f"there is a network, run `hf download {name} --local-dir DIR`, bring DIR here and name it "
        "instead."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
