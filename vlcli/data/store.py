"""The feature store: written batch by batch beside its place and renamed, read by memory map.

R pictures, N visual tokens of a picture, F feature width. The files: `vlcli.spec.stores`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from vlcli.contracts import Box, Visual
from vlcli.disk import file_digest, sync
from vlcli.spec.problem import UserError
from vlcli.spec.stores import (
    AGAIN,
    ARRAY,
    IDS,
    INDEX,
    Index,
    StoreError,
    part_of,
    read_index,
    written,
)

from .visual import Pictures, coverage, grid_boxes

HEADER = 4096  # bytes before the array: length, JSON, spaces. So rows begin on a page
PLAN = "plan.json"
_NAMES = {"float16": "F16", "float32": "F32"}  # as safetensors calls them


class FeatureStore:
    """A whole store, open for reading: random access to (N, F) by id.

    Small and picklable: the array is mapped and the ids are read where they are first used, once a
    process. UserError where the store is missing, unfinished or not what was written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.index = read_index(self.path)
        self._array: np.ndarray | None = None
        self._rows: dict[str, int] | None = None
        self._folder = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_array": None, "_rows": None}

    def __len__(self) -> int:
        return self.index.records

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._row(name) is not None

    @property
    def ids(self) -> list[str]:
        """The ids in the order of the array."""
        return list(self.rows)

    @property
    def rows(self) -> dict[str, int]:
        """Where each id stands."""
        if self._rows is None:
            raw = _read(self.path / IDS)
            if hashlib.sha256(raw).hexdigest() != self.index.digests[IDS]:
                raise _changed(self.path / IDS)
            names = [name for name, _, _ in _lines(raw)]
            self._rows = {name: row for row, name in enumerate(names)}
            self._folder = _common_folder(names)
        return self._rows

    @property
    def array(self) -> np.ndarray:
        """All features (R, N, F) as they are stored. Pages are read when they are touched; what is
        written to them stays in this process."""
        if self._array is None:
            self._array = _mapped(self.path / ARRAY, self.index)
        return self._array

    def read(self, name: str) -> np.ndarray:
        """The features (N, F) of one picture, a view; UserError where it has none here.

        An id may leave out the folder that all ids share.
        """
        row = self._row(name)
        if row is None:
            raise UserError(self._lacks(name))
        found: np.ndarray = self.array[row]
        return found

    def faults(self, names: Iterable[str]) -> dict[str, str]:
        """A sentence for each of `names` that the store does not hold."""
        return {name: self._lacks(name) for name in names if self._row(name) is None}

    def damaged(self) -> Iterator[str]:
        """The ids whose features are not, to the bit, those that were written."""
        array = self.array
        for row, (name, digest, _) in enumerate(_lines(_read(self.path / IDS))):
            if _digest(array[row].tobytes()) != digest:
                yield name

    def _row(self, name: str) -> int | None:
        rows = self.rows
        plain = posixpath.normpath(name)
        return rows.get(name, rows.get(plain, rows.get(f"{self._folder}{plain}")))

    def _lacks(self, name: str) -> str:
        sample = f', such as "{next(iter(self.rows))}"' if self.rows else ""
        why = self.index.skipped.get(name)
        held = f"its picture could not be read: {why}" if why else f"it has {len(self)}{sample}."
        return f'The feature store {self.path} has no features of "{name}"; {held}'


class StoredReader:
    """`feature_type: "stored:PATH"`: features out of a store, with the boxes of their grid.

    A reference is an id of the store. `pictures` are those the features were made of, where they
    are at hand, to be shown beside results.
    """

    def __init__(self, path: str | Path, pictures: Pictures | None = None) -> None:
        self.store = FeatureStore(path)
        self.pictures = pictures
        self.boxes = grid_boxes(*self.store.index.grid)

    def read(self, reference: str) -> Visual:
        return Visual(torch.from_numpy(self.store.read(reference)), self.boxes)

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """The mean of the grid's features within each box, by shares of the cells it covers."""
        whole, boxes = self.read(reference), torch.tensor(regions)
        shares = coverage(boxes, self.boxes).to(whole.features.dtype)
        return Visual(shares @ whole.features, boxes)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return self.store.faults(references)


class StoreWriter:
    """A store in the making, for one process at a time.

    What is written lies in `.NAME.part` beside the store's place. Each batch is forced to the disk
    before its ids are, so a kill loses at most the last batch, and the next writer with the same
    `facts` goes on behind it. `finish` writes the index and renames the folder.

    `facts` are all fields of the index that are known before; `wanted` are the ids to be written,
    with the size of each picture in bytes: features of a picture that has another size now are
    written again. UserError where the disk refuses, another process writes, or features of other
    facts lie there already.
    """

    def __init__(self, path: str | Path, facts: Mapping[str, Any], wanted: Mapping[str, int]):
        self.path = Path(path)
        self.folder = part_of(self.path)
        self.wanted = wanted
        self.index = Index(
            **facts,
            records=0,
            skipped={},
            digests={},
            source={},  # what the end will tell
        )
        self._done: dict[str, str] = {}

    @property
    def done(self) -> set[str]:
        """The ids that need not be written any more."""
        return set(self._done)

    def __enter__(self) -> Self:
        with _told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._ids = _opened(self.folder / IDS)
            self._features = _opened(self.folder / ARRAY)
        try:
            _lock(self._ids, self.path)
            self._keep_to_the_plan()
            with _told(self.folder):
                self._go_on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._ids.close()
        self._features.close()

    def add(self, names: Sequence[str], features: np.ndarray) -> None:
        """Append the features (B, N, F) of a batch. UserError for values that the store's type
        cannot hold."""
        with np.errstate(over="ignore"):  # said below, by name
            rows = features.astype(self.index.dtype)
        for name, row in zip(names, rows, strict=True):
            if not np.isfinite(row).all():
                raise UserError(
                    f'The features of "{name}" do not fit into {self.index.dtype}: some are '
                    f"infinite or no number."
                    + (" Use --dtype float32." if self.index.dtype == "float16" else "")
                )
        with _told(self.folder):
            self._append(names, [row.tobytes() for row in rows])

    def finish(self, source: str, skipped: Mapping[str, str]) -> Index:
        """Make the store whole and put it into its place."""
        if not self._done:
            raise UserError(f"{source} has no picture that can be read; {self.path} is not made.")
        with _told(self.folder):
            index = self._index(source, dict(skipped))
            self._features.seek(0)
            _put(self._features, _header(index))
            (self.folder / INDEX).write_bytes(written(index))
            for name in (ARRAY, IDS, INDEX):
                sync(self.folder / name)
            (self.folder / PLAN).unlink(missing_ok=True)
            sync(self.folder)
            self.folder.rename(self.path)
            sync(self.path.parent)
        return index

    def _index(self, source: str, skipped: dict[str, str]) -> Index:
        index = self.index._replace(
            records=len(self._done),
            skipped=skipped,
            source={
                "path": source,
                "pictures": len(self.wanted),
                "digest": source_digest(self.wanted),
            },
        )
        digests = {IDS: file_digest(self.folder / IDS), ARRAY: _whole(_header(index))}
        return index._replace(digests=digests)

    def _append(self, names: Sequence[str], rows: Sequence[bytes]) -> None:
        """Features first, and only when they are on the disk their ids."""
        _put(self._features, b"".join(rows))
        os.fsync(self._features.fileno())
        digests = [_digest(row) for row in rows]
        lines = [
            json.dumps([name, digest, self.wanted[name]])
            for name, digest in zip(names, digests, strict=True)
        ]
        _put(self._ids, "".join(f"{line}\n" for line in lines).encode())
        self._done.update(zip(names, digests, strict=True))

    def _keep_to_the_plan(self) -> None:
        """What lies there must be of the same facts."""
        plan = self.folder / PLAN
        ours = json.loads(written(self.index))
        with _told(self.folder):
            if not plan.exists():
                aside = plan.with_suffix(".aside")
                aside.write_text(json.dumps(ours))
                aside.replace(plan)
        theirs = _plan(plan)
        differ = [key for key in ours if key != "sha256" and ours[key] != theirs.get(key)]
        if differ:
            raise UserError(
                f"{self.path} was begun with other features: {differences(theirs, ours)}. Repeat "
                f"that command to go on with it, name another place, or remove {self.folder}."
            )

    def _go_on(self) -> None:
        """Keep the records that are whole, and cut off what a kill left behind them."""
        size = self.index.record_bytes
        if self._features.seek(0, os.SEEK_END) < HEADER:
            self._features.truncate(0)
            self._features.seek(0)
            _put(self._features, b" " * HEADER)
        self._ids.seek(0)
        self._features.seek(HEADER)
        kept = 0  # bytes of the list of ids
        for line in self._ids.read().splitlines(keepends=True):
            known = _line(line)
            if known is None or known[0] in self._done or self.wanted.get(known[0]) != known[2]:
                break
            if _digest(self._features.read(size)) != known[1]:
                break
            self._done[known[0]] = known[1]
            kept += len(line)
        self._ids.seek(self._ids.truncate(kept))
        self._features.seek(self._features.truncate(HEADER + len(self._done) * size))


def source_digest(wanted: Mapping[str, int]) -> str:
    """sha256 of the pictures' ids and sizes."""
    return _whole(json.dumps(sorted(wanted.items())).encode())


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """The facts of a store that are not those asked for: `size 224 (here 288)`."""
    flat, asked = ({**each, **dict(each.get("encoder") or {})} for each in (theirs, ours))
    skip = ("encoder", "sha256", "source", "digests", "records", "skipped")
    keys = [key for key in {**flat, **asked} if key not in skip]
    return ", ".join(
        f"{key} {flat.get(key)} (here {asked.get(key)})"
        for key in keys
        if flat.get(key) != asked.get(key)
    )


def _header(index: Index) -> bytes:
    """The first HEADER bytes of a safetensors file with one array."""
    size = index.records * index.record_bytes
    shape = [index.records, index.tokens, index.width]
    array = {"dtype": _NAMES[index.dtype], "shape": shape, "data_offsets": [0, size]}
    text = json.dumps({"__metadata__": {"format": "pt"}, "features": array}).encode()
    return (HEADER - 8).to_bytes(8, "little") + text.ljust(HEADER - 8)


def _mapped(path: Path, index: Index) -> np.ndarray:
    """The array (R, N, F) of a store's file, copy on write; one handle, held by the map."""
    size = HEADER + index.records * index.record_bytes
    try:
        with path.open("rb") as file:
            held = os.fstat(file.fileno()).st_size
            if held != size:
                raise StoreError(f"{path} has {held} bytes and should have {size}.", AGAIN)
            if _whole(file.read(HEADER)) != index.digests[ARRAY]:
                raise _changed(path)
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    shape = (index.records, index.tokens, index.width)
    return np.frombuffer(pages, dtype=index.dtype, offset=HEADER).reshape(shape)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _changed(path: Path) -> StoreError:
    return StoreError(f"{path} has changed since it was written.", AGAIN)


def _lines(raw: bytes) -> list[tuple[str, str, int]]:
    """Id, digest and picture size of every record."""
    found: list[tuple[str, str, int]] = json.loads(b"[" + b",".join(raw.splitlines()) + b"]")
    return found


def _line(raw: bytes) -> tuple[str, str, int] | None:
    """One line; None where it is not whole."""
    try:
        name, digest, size = json.loads(raw)
    except (ValueError, TypeError):
        return None
    return (name, digest, size) if raw.endswith(b"\n") else None


def _plan(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read. Remove {path.parent} to begin anew.") from error
    return held if isinstance(held, dict) else {}


def _common_folder(names: Sequence[str]) -> str:
    """The folder that all names begin with, with its slash; "" where there is none."""
    if not names:
        return ""
    folders = {posixpath.dirname(name) for name in names}
    if "" in folders or len({folder.startswith("/") for folder in folders}) > 1:
        return ""
    common = posixpath.commonpath(folders)
    return f"{common}/" if common else ""


def _digest(row: bytes) -> str:
    """Half a sha256: enough against chance, and half as long in the list of ids."""
    return hashlib.sha256(row).hexdigest()[:32]


def _whole(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _opened(path: Path) -> FileIO:
    """A file to be read and written, made where it is not there; nothing of it waits in memory."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    return FileIO(handle, "r+")


def _put(file: FileIO, raw: bytes) -> None:
    """Write all of it where the file stands."""
    rest = memoryview(raw)
    while rest:
        rest = rest[file.write(rest) :]


def _lock(file: Any, path: Path) -> None:
    """One writer at a time; the system lets go of the lock when the process ends, however."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UserError(
            f"Another process is writing {path}. Wait for it, or name another place."
        ) from None


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. What is there already is kept; the "
            "same command goes on with it."
        ) from error
