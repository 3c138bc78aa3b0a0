"""JSON5 text to values and the place of every key, reading on past every mistake in the text."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from vlcli.spec.problem import KeyPath, Place, Problem
from vlcli.spec.source.lines import MAX_PROBLEMS, Lines, shown
from vlcli.spec.source.reader import Reader
from vlcli.spec.source.scalars import MAX_INTEGER, MAX_NUMBER_LENGTH
from vlcli.spec.source.tokens import MAX_DEPTH

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_INTEGER",
    "MAX_NUMBER_LENGTH",
    "MAX_PROBLEMS",
    "Lines",
    "Source",
    "read_file",
    "read_text",
]

MAX_BYTES = 64 * 1024
STDIN = ("-", "/dev/stdin", "/dev/fd/0")


class Source(NamedTuple):
    """A spec as written: what it says, and where; recovered as far as the text lets us."""

    name: str
    text: str
    values: dict[str, Any]
    keys: dict[KeyPath, Place]
    spots: dict[KeyPath, Place]
    problems: tuple[Problem, ...] = ()
    lost: frozenset[str] = frozenset()


def read_file(path: str | Path) -> Source:
    """The spec in a file, a pipe or (STDIN) the standard input; what is wrong with the file is a
    problem of the source too."""
    name = "<stdin>" if str(path) in STDIN else str(path)
    try:
        size, data = _contents(path)
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no file {shown(name, 200)}."
        return _without_values(name, "", Problem("F1", "error", message, "Check the path."))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or str(error)
        message = f"The file {shown(name, 200)} cannot be read: {shown(why, 200)}."
        fix = "Name a file that you may read."
        return _without_values(name, "", Problem("F2", "error", message, fix))
    if size is None or size > MAX_BYTES:
        return _too_long(name, "", size)
    try:
        return read_text(data.decode(), name)
    except UnicodeDecodeError as error:
        return _not_utf8(name, data, error.start)


def read_text(text: str, name: str) -> Source:
    """The spec in a text. Lines and columns do not count a byte order mark at the beginning."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return _too_long(name, text, size)
    text = text.removeprefix("\ufeff")
    reader = Reader(text)
    values = reader.read()
    problems = reader.report.all()
    if reader.report.fatal:
        return _without_values(name, text, *problems)
    lost = frozenset(reader.lost - values.keys())
    return Source(name, text, values, reader.keys, reader.spots, problems, lost)


def _contents(path: str | Path) -> tuple[int | None, bytes]:
    """The size of the file, and its bytes where the size is within the limit. Of a pipe no more
    is read than the limit and one; its size is None then."""
    if str(path) in STDIN:
        with open(0, "rb", closefd=False) as file:
            return _read(file)
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise OSError("it is a directory")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
        raise OSError("it is a device")
    if found.st_size > MAX_BYTES:
        return found.st_size, b""
    with open(path, "rb") as file:
        return _read(file)


def _read(file: BinaryIO) -> tuple[int | None, bytes]:
    data = file.read(MAX_BYTES + 1)  # the size is 0 in /proc, and a file may grow
    return len(data) if len(data) <= MAX_BYTES else None, data


def _without_values(name: str, text: str, *problems: Problem) -> Source:
    return Source(name, text, {}, {}, {}, problems)


def _too_long(name: str, text: str, size: int | None) -> Source:
    has = f"more than {MAX_BYTES:,}" if size is None else f"{size:,}"
    message = f"The file has {has} bytes, and a run spec may have {MAX_BYTES:,} (64 KiB)."
    fix = "Name a run spec, and keep data in files of its own."
    return _without_values(name, text, Problem("S4", "error", message, fix))


def _not_utf8(name: str, data: bytes, at: int) -> Source:
    text = data.decode(errors="replace").removeprefix("\ufeff")
    before = len(data[:at].decode().removeprefix("\ufeff"))
    place = Lines(text).place(before, before + 1)
    message = (
        f"The file is not UTF-8 text: the byte 0x{data[at]:02x} at offset {at}, "
        f"in line {place.line}, cannot be read."
    )
    problem = Problem("S0", "error", message, "Save the file as UTF-8.", place=place)
    return _without_values(name, text, problem)
