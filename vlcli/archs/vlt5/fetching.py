"""Getting what has a name from the hub's cache, a folder or the hub, or saying what is missing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import getproxies

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
    if not _hub_can_be_reached():
        raise UserError(_missing(name, what))
    try:
        return load(name, **options)
    except OSError as error:
        raise UserError(_missing(name, what)) from error


def _hub_can_be_reached() -> bool:
    """Asked beforehand: the hub's client would try for most of a minute without a network."""
    if any(os.environ.get(key, "0").lower() in _ON for key in ("HF_HUB_OFFLINE", _OLD_NAME)):
        return False
    hub = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    if getproxies().get(hub.scheme):
        return True
    try:
        socket.getaddrinfo(hub.hostname, hub.port or 443)
    except OSError:
        return False
    return True


_OLD_NAME = "TRANSFORMERS_OFFLINE"
_ON = ("1", "true", "yes", "on")


def _missing(name: str, what: str) -> str:
    return (
        f"The {what} {name} is not on this machine and cannot be downloaded from here: where "
        f"there is a network, run `hf download {name} --local-dir DIR`, bring DIR here and name it "
        "instead."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
