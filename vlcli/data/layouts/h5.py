"""The published HDF5 layouts: one file with a group a picture, or a folder of one file a picture.

A group holds "features" (N, F) and other arrays by name; N visual tokens, F feature width.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from vlcli.spec.problem import UserError

from ..arrays import LIMIT, damage, group, is_numbers, member, open_file
from ..references import is_name
from .record import ABOUT, About, Features, Head, Record, about, about_folder, sides
from .writer import AsideWriter

ENDING = ".h5"
ATTRIBUTE = 60_000  # bytes that an attribute can hold


class H5Split(Features):
    """One .h5 for all pictures of a split: a group a picture, named by its id."""

    layout, words = "h5-split", "one h5 for all pictures"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.file = open_file(path, "a file of stored features")
        with damage(path, "-"):
            self._names = list(self.file)
            _check_layout(self.file, path, self._names)
            self.about = _about(self.file, path, self.about)

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __len__(self) -> int:
        return len(self._names)

    def ids(self) -> Iterator[str]:
        return iter(self._names)

    def head(self, name: str) -> Head:
        with damage(self.path, name):
            return _head(self.file, self.path, name)

    def read(self, name: str) -> Record:
        with damage(self.path, name):
            return _record(self.file, self.path, name)


class H5Grid(Features):
    """A folder of one .h5 a picture, named by its id, as the group inside is."""

    layout, words = "h5-grid", "one h5 per picture"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with os.scandir(path) as entries:
            found = sorted(each.name for each in entries if is_h5(each.name))
        self._names = [name.removesuffix(ENDING) for name in found]
        first = path / found[0]
        with damage(first, self._names[0]), open_file(first, "-") as file:
            groups = list(file)
        if groups != self._names[:1]:
            raise UserError(
                f"{path} has .h5 files of many pictures each: {', '.join(found[:3])}"
                f"{', ...' if len(found) > 3 else ''}. Name one of them."
            )
        self.about = about_folder(path)

    def __len__(self) -> int:
        return len(self._names)

    def ids(self) -> Iterator[str]:
        return iter(self._names)

    def head(self, name: str) -> Head:
        path = self._file(name)
        with damage(path, name), open_file(path, "-") as file:
            return _head(file, path, name)

    def read(self, name: str) -> Record:
        path = self._file(name)
        with damage(path, name), open_file(path, "-") as file:
            return _record(file, path, name)

    def place(self, name: str) -> str:
        return f"{self._file(name)}, picture {name}"

    def bytes(self) -> int:
        return sum(self._file(name).stat().st_size for name in self._names)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{ENDING}"


class H5SplitWriter(AsideWriter):
    """Writes an H5Split, whose groups keep their order."""

    def open(self) -> None:
        self._disk = _Disk(self.part, "r+")
        self._file = h5py.File(self._disk, "w", track_order=True)

    def put(self, name: str, record: Record) -> None:
        _put(self._file, name, record)
        self._disk.tell_error()

    def tell(self, about: About) -> None:
        written = about.written()
        if len(written) > ATTRIBUTE:
            self.left["words"] = None
            written = about._replace(words={}).written()
        self._file.attrs[ABOUT] = written
        self._file.close()
        self._disk.tell_error()

    def close(self) -> None:
        self._file.close()
        self._disk.close()


class H5GridWriter(AsideWriter):
    """Writes an H5Grid."""

    folder = True

    def put(self, name: str, record: Record) -> None:
        held = io.BytesIO()
        with h5py.File(held, "w") as file:
            _put(file, name, record)
        (self.part / f"{name}{ENDING}").write_bytes(held.getbuffer())


class _Disk(io.FileIO):
    """A file for the HDF5 library, which crashes where the disk refuses to write the last of it:
    so after the first error writes are dropped, and `tell_error` raises it."""

    error: OSError | None = None

    def write(self, raw: Any) -> int:
        rest = memoryview(raw).cast("B")
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return len(raw)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def tell_error(self) -> None:
        if self.error is not None:
            raise self.error


def is_h5(name: str) -> bool:
    return name.endswith(ENDING) and not name.startswith(".")


def _named(name: str) -> str:
    """An id that may name a group or a file. UserError for others."""
    if not is_name(name):
        raise UserError(
            f'"{name}" cannot name a picture in an h5 file. Add --ids stem, which leaves folder '
            "and ending out."
        )
    return name


def _put(file: Any, name: str, record: Record) -> None:
    group = file.create_group(_named(name))
    for key, value in record.arrays.items():
        group.create_dataset(key, data=value)


def _head(file: Any, path: Path, name: str) -> Head:
    held = group(file, path, name)
    features = _features(held, path, name)
    if len(features.shape) != 2:
        raise UserError(
            f'{path}, picture {name}: "features" is {sides(features.shape)}, not tokens x width.'
        )
    others = tuple(key for key in held if key != "features")
    tokens, width = features.shape
    return Head(tokens, width, features.dtype.name, others)


def _record(file: Any, path: Path, name: str) -> Record:
    held = group(file, path, name)
    features = _values(_features(held, path, name), path, name)
    more: dict[str, np.ndarray] = {}
    left = []
    for key in held:
        if key == "features":
            continue
        found = member(held, path, name, key)
        if is_numbers(found) and found.shape is not None:
            more[key] = _values(found, path, name)
        else:
            left.append(key)
    return Record(features, more, tuple(left))


def _features(held: Any, path: Path, name: str) -> Any:
    found = member(held, path, name, "features")
    if not is_numbers(found) or found.shape is None:
        raise UserError(f'{path}, picture {name}: "features" holds no numbers.')
    return found


def _values(found: Any, path: Path, name: str) -> np.ndarray:
    if found.nbytes > LIMIT:
        raise UserError(f"{path}, picture {name}: {found.name} claims {found.nbytes:,} bytes.")
    return np.asarray(found[()])


def _about(file: Any, path: Path, otherwise: About) -> About:
    held = file.attrs.get(ABOUT)
    return otherwise if held is None else about(held, f"The attribute {ABOUT} of {path}")


def _check_layout(file: Any, path: Path, names: list[str]) -> None:
    if not names:
        raise UserError(f"{path} holds no picture.")
    if isinstance(file.get(names[0], getlink=True), h5py.HardLink):
        found = file.get(names[0])
        if not isinstance(found, h5py.Group):
            raise UserError(
                f'{path} is of no published layout: it has an array "{names[0]}" where a group for '
                "each picture should be."
            )
    else:
        raise UserError(f"{path}, picture {names[0]}: it is a link; links are refused.")
