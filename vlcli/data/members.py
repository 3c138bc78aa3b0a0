"""Files inside an uncompressed tar, read by where each of them lies."""

from __future__ import annotations

import os
import posixpath
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

from vlcli.spec.problem import UserError

Places = dict[str, tuple[int, int]]  # offset and size in bytes, by name


class Tar:
    """An uncompressed tar, known by its members' names.

    It is indexed once, when something is first asked of it; the index travels to other processes,
    the open file does not: each opens its own and reads at offsets.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._places: Places | None = None
        self._file: BinaryIO | None = None

    @property
    def places(self) -> Places:
        if self._places is None:
            self._places = index(self.path)
        return self._places

    def content(self, name: str) -> bytes | None:
        """The bytes of a member; None where there is none of that name. UserError where the tar
        cannot be read any more."""
        place = self.places.get(member(name))
        return None if place is None else self._bytes(*place)

    def _bytes(self, offset: int, size: int) -> bytes:
        try:
            if self._file is None:
                self._file = self.path.open("rb", buffering=0)
            held = os.pread(self._file.fileno(), size, offset)
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error}.") from error
        if len(held) < size:
            raise UserError(f"{self.path} is shorter than it was when the run began.")
        return held

    def close(self) -> None:
        """Close the file; it is opened again where it is needed."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def member(name: str) -> str:
    """A name as the index has it: "./a/b.jpg" is "a/b.jpg"."""
    return posixpath.normpath(name)


def is_inside(name: str) -> bool:
    """Whether a name stays below the folder that a tar would be unpacked in."""
    plain = member(name)
    return not (plain.startswith(("/", "../")) or plain == ".." or "\\" in name or "\0" in name)


def index(path: Path) -> Places:
    """Where the files of an uncompressed tar lie. UserError where it is none or is cut off, and for
    names that lead out of it, links and everything else that is neither file nor folder."""
    places: Places = {}
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as held:
            while each := held.next():
                held.members.clear()  # type: ignore[attr-defined]  # a kilobyte each
                if not is_inside(each.name):
                    raise UserError(f'{path} holds "{each.name}", a name that leads out of it.')
                if each.isdir():
                    continue
                if not each.isreg() or each.issparse():
                    raise UserError(
                        f'{path} holds "{each.name}", which is no plain file. Pack pictures '
                        "themselves, not links to them."
                    )
                if each.offset_data + each.size > length:
                    raise UserError(f'{path} is cut off in the middle of "{each.name}".')
                places[member(each.name)] = (each.offset_data, each.size)
    except FileNotFoundError as error:
        raise UserError(f"There is no tar {path}.") from error
    except (tarfile.TarError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as an uncompressed tar: {error}.") from error
    return places
