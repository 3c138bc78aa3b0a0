"""One NPZ a picture, "features" (N, F) and other arrays by name: in a folder, or in a tar.

N visual tokens, F feature width.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vlcli.spec.problem import UserError

from ..members import Tar, is_inside
from ..npz import ENDING, arrays, packed, shapes
from .record import ABOUT, About, Features, Head, Record, about, about_folder, sides
from .writer import AsideWriter

BLOCK = tarfile.BLOCKSIZE


class NpzFolder(Features):
    """A folder of `<id>.npz`; an id may hold slashes."""

    layout, words = "npz", "one npz per picture"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._names = sorted(name.removesuffix(ENDING) for name in npz_below(path))
        self.about = about_folder(path)

    def __len__(self) -> int:
        return len(self._names)

    def ids(self) -> Iterator[str]:
        return iter(self._names)

    def head(self, name: str) -> Head:
        return _head(self._file(name), self.place(name))

    def read(self, name: str) -> Record:
        return _record(self._file(name), self.place(name))

    def place(self, name: str) -> str:
        return str(self._file(name))

    def bytes(self) -> int:
        return sum(self._file(name).stat().st_size for name in self._names)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{ENDING}"


class NpzTar(Features):
    """An uncompressed tar of `<id>.npz`."""

    layout, words = "tar", "a tar of one npz per picture"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.tar = Tar(path)
        self._names = [
            name.removesuffix(ENDING) for name in self.tar.places if name.endswith(ENDING)
        ]
        if not self._names:
            raise UserError(f"{path} holds no .npz with features.")
        if not _is_ended(path):
            raise UserError(f'{path} is cut off after "{self._names[-1]}{ENDING}".')
        held = self.tar.content(ABOUT)
        self.about = self.about if held is None else about(held, f"{ABOUT} in {path}")

    def __len__(self) -> int:
        return len(self._names)

    def ids(self) -> Iterator[str]:
        return iter(self._names)

    def head(self, name: str) -> Head:
        return _head(self._content(name), self.place(name))

    def read(self, name: str) -> Record:
        return _record(self._content(name), self.place(name))

    def place(self, name: str) -> str:
        return f"{name}{ENDING} in {self.path}"

    def _content(self, name: str) -> bytes:
        held = self.tar.content(f"{name}{ENDING}")
        if held is None:
            raise UserError(f"There is no {self.place(name)}.")
        return held


class NpzFolderWriter(AsideWriter):
    """Writes an NpzFolder."""

    folder = True

    def put(self, name: str, record: Record) -> None:
        path = self.part / f"{_named(name)}{ENDING}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(packed(record.arrays))


class NpzTarWriter(AsideWriter):
    """Writes an NpzTar, with ABOUT as its last member."""

    def open(self) -> None:
        self._file: BinaryIO = self.part.open("wb")

    def put(self, name: str, record: Record) -> None:
        self._member(f"{_named(name)}{ENDING}", packed(record.arrays))

    def tell(self, about: About) -> None:
        self._member(ABOUT, about.written().encode())
        self._file.write(bytes(2 * BLOCK))

    def close(self) -> None:
        self._file.close()

    def _member(self, name: str, raw: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(raw)
        self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        self._file.write(raw.ljust(-(-len(raw) // BLOCK) * BLOCK, b"\0"))


def npz_below(folder: Path) -> Iterator[str]:
    """The NPZ files of a folder and those below it, as paths relative to it."""
    for above, _, names in os.walk(folder):
        inner = os.path.relpath(above, folder)
        for name in names:
            if name.endswith(ENDING) and not name.startswith("."):
                yield name if inner == "." else f"{inner}/{name}".replace(os.sep, "/")


def _is_ended(path: Path) -> bool:
    """Whether a tar has its end, blocks of zeros: one cut off between two members has not."""
    with path.open("rb") as file:
        file.seek(-BLOCK, os.SEEK_END)
        return not any(file.read())


def _named(name: str) -> str:
    """An id that may name a file below a folder. UserError for others."""
    if not is_inside(name) or os.path.normpath(name) != name:
        raise UserError(
            f'"{name}" cannot name a file below a folder. Add --ids stem, which leaves folder and '
            "ending out."
        )
    return name


def _head(source: Path | bytes, place: str) -> Head:
    held = shapes(source, place)
    features = held.pop("features", None)
    if features is None:
        raise UserError(f'{place}: there is no "features" of numbers.')
    if len(features.shape) != 2:
        raise UserError(f'{place}: "features" is {sides(features.shape)}, not tokens x width.')
    tokens, width = features.shape
    return Head(tokens, width, features.dtype.name, tuple(held))


def _record(source: Path | bytes, place: str) -> Record:
    held = arrays(source, place)
    features = held.pop("features", None)
    if features is None:
        raise UserError(f'{place}: there is no "features" of numbers.')
    more = {name: value for name, value in held.items() if value is not None}
    return Record(features, more, tuple(name for name in held if name not in more))
