"""One shard of a feature store: a safetensors file that grows picture by picture, and its list of
ids.

R pictures of the shard, N visual tokens of a picture, F feature width, T features of all pictures
together: R N for grids; of regions, one each.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from vlcli.disk import lock, sync
from vlcli.spec.problem import UserError
from vlcli.spec.stores import ARRAY, BAD, IDS, Index, Shard, StoreError, numbered

from .ids import Line, line, lines

HEADER = 4096  # bytes before the arrays: length, JSON, spaces. So rows begin on a page
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
_NAMES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}  # as safetensors calls them
PART = ".part"  # behind the name of an array that is not whole


class Regions(NamedTuple):
    """What is known of the T regions of one picture: boxes (T, 4) float32 as shares of its width
    and height (`wide` and `high` in pixels), numbers (T,) int32 of what they show, and how sure
    that is (T,) float32; None where it is not known."""

    boxes: np.ndarray
    wide: int
    high: int
    obj_id: np.ndarray | None = None
    obj_conf: np.ndarray | None = None
    attr_id: np.ndarray | None = None
    attr_conf: np.ndarray | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in COLUMNS if getattr(self, name) is not None)


class Column(NamedTuple):
    """An array beside the features: its type for safetensors and numpy, numbers of one region."""

    name: str
    dtype: str
    numbers: int = 1

    @property
    def bytes(self) -> int:
        return self.numbers * 4


COLUMNS = {
    "boxes": Column("F32", "<f4", 4),
    "obj_id": Column("I32", "<i4"),
    "obj_conf": Column("F32", "<f4"),
    "attr_id": Column("I32", "<i4"),
    "attr_conf": Column("F32", "<f4"),
}
Features = Sequence[Any] | np.ndarray | Tensor  # of B pictures, (N, F) each


class Plan(NamedTuple):
    """A shard that is to be: its `number` among `many`, and the pictures it is made of, with the
    size of each in bytes."""

    number: int
    many: int
    wanted: Mapping[str, int]

    def file(self, name: str) -> str:
        return numbered(name, self.number, self.many)


def whole(folder: Path, plan: Plan, index: Index) -> Shard | None:
    """What a shard in a folder holds; None where it is not whole, or of other pictures."""
    array, ids, bad = (folder / plan.file(name) for name in (ARRAY, IDS, BAD))
    if not array.exists() or not ids.exists():
        return None
    left = dict(plan.wanted)
    shard = Shard(0, 0)
    try:
        for each in lines(ids):
            if left.pop(each.id, None) != each.size:
                return None
            shard = Shard(shard.records + 1, shard.rows + (each.rows or index.tokens))
    except StoreError:
        return None
    for name in read_bad(bad):
        left.pop(name, None)
    return shard if not left and array.stat().st_size == file_bytes(index, shard) else None


class ShardWriter:
    """A shard in the making, for one process at a time, in `folder`.

    Each batch is forced to the disk before its ids are, so a kill loses at most the last batch, and
    the next writer goes on behind it; a picture that has another size now is written again.
    `finish` adds what stands beside the features, writes the header and renames the file, so that
    a shard which bears its name is whole. UserError where the disk refuses, another process writes,
    or values do not fit.
    """

    def __init__(self, folder: Path, plan: Plan, index: Index) -> None:
        self.folder, self.plan, self.index = folder, plan, index
        self.done: dict[str, int] = {}  # features by id
        self.bad: dict[str, str] = {}

    def __enter__(self) -> Self:
        with told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._ids = _opened(self._path(IDS))
            self._beside = _opened(self._path(_BESIDE)) if self.index.columns else None
        try:
            lock(self._ids, self.folder)
            with told(self.folder):
                if self._path(ARRAY).exists():  # whole, but of pictures that have changed
                    self._path(ARRAY).replace(self._part)
                self._features = _opened(self._part)
                self._go_on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for file in (self._ids, self._beside, getattr(self, "_features", None)):
            if file is not None:
                file.close()

    def add(
        self, names: Sequence[str], features: Features, regions: Sequence[Regions] | None = None
    ) -> None:
        """Append pictures: for each its features (N, F), and its N regions where the store is one
        of regions."""
        dtype = self.index.dtype
        rows = [_raw(name, one, dtype) for name, one in zip(names, features, strict=True)]
        beside = [_packed(each, self.index.columns) for each in regions or ()]
        added = []
        for at, (name, row) in enumerate(zip(names, rows, strict=True)):
            count = len(row) // self.index.row_bytes
            known = (count, regions[at].wide, regions[at].high) if regions else ()
            extra = beside[at] if beside else b""
            added.append(Line(name, _digest(row, extra), self.plan.wanted[name], *known))
            self.done[name] = count
        with told(self.folder):
            self._append(self._features, b"".join(rows))
            if self._beside is not None:
                self._append(self._beside, b"".join(beside))
            put(self._ids, b"".join(each.written() for each in added))

    def skip(self, bad: Mapping[str, str]) -> None:
        """Pictures that the shard will not have, and why."""
        self.bad |= bad

    def finish(self) -> Shard:
        shard = Shard(len(self.done), sum(self.done.values()))
        with told(self.folder):
            if self._beside is not None:
                self._beside.seek(0)
                put(self._features, _by_column(self._beside.readall(), self.index.columns))
            self._features.seek(0)
            put(self._features, header(self.index, shard))
            for file in (self._features, self._ids):
                os.fsync(file.fileno())
            if self.bad:
                write_bad(self._path(BAD), self.bad)
            else:
                self._path(BAD).unlink(missing_ok=True)
            self._part.rename(self._path(ARRAY))
            self._path(_BESIDE).unlink(missing_ok=True)
            sync(self.folder)
        return shard

    def _path(self, name: str) -> Path:
        return self.folder / self.plan.file(name)

    @property
    def _part(self) -> Path:
        return self._path(ARRAY + PART)

    def _append(self, file: FileIO, raw: bytes) -> None:
        put(file, raw)
        os.fsync(file.fileno())

    def _go_on(self) -> None:
        """Keep the records that are whole, and cut off what a kill left behind them."""
        if self._features.seek(0, os.SEEK_END) < HEADER:
            self._features.truncate(0)
            self._features.seek(0)
            put(self._features, b" " * HEADER)
        self._ids.seek(0)
        self._features.seek(HEADER)
        row, extra = self.index.row_bytes, beside_bytes(self.index.columns)
        kept, rows = 0, 0  # bytes of the list of ids, features
        for raw in self._ids.readall().splitlines(keepends=True):
            known = line(raw)
            if known is None or known.id in self.done:
                break
            if self.plan.wanted.get(known.id) != known.size:
                break
            count = known.rows or self.index.tokens
            beside = self._beside.read(count * extra) if self._beside is not None else b""
            if _digest(self._features.read(count * row), beside) != known.digest:
                break
            self.done[known.id] = count
            kept, rows = kept + len(raw), rows + count
        self._ids.seek(self._ids.truncate(kept))
        self._features.seek(self._features.truncate(HEADER + rows * row))
        if self._beside is not None:
            self._beside.seek(self._beside.truncate(rows * extra))


_BESIDE = "regions.raw"  # what stands beside the features, region by region, until the end


def header(index: Index, shard: Shard) -> bytes:
    """The first HEADER bytes of a shard's file."""
    shape = [shard.rows, index.width]
    if not index.columns:
        shape = [shard.records, index.tokens, index.width]
    end = shard.rows * index.row_bytes
    arrays = {"features": {"dtype": _NAMES[index.dtype], "shape": shape, "data_offsets": [0, end]}}
    for name in index.columns:
        column, begin = COLUMNS[name], end
        end += shard.rows * column.bytes
        sides = [shard.rows] if column.numbers == 1 else [shard.rows, column.numbers]
        arrays[name] = {"dtype": column.name, "shape": sides, "data_offsets": [begin, end]}
    text = json.dumps({"__metadata__": {"format": "pt"}, **arrays}).encode()
    return (HEADER - 8).to_bytes(8, "little") + text.ljust(HEADER - 8)


def file_bytes(index: Index, shard: Shard) -> int:
    """The size of a whole shard's file."""
    return HEADER + shard.rows * (index.row_bytes + beside_bytes(index.columns))


def beside_bytes(columns: Sequence[str]) -> int:
    """What stands beside the features of one region."""
    return sum(COLUMNS[name].bytes for name in columns)


def row_digest(features: np.ndarray, beside: Sequence[np.ndarray], columns: Sequence[str]) -> str:
    """The digest of what a shard's file holds of one picture."""
    return _digest(features.tobytes(), _rows(beside, columns))


def write_bad(path: Path, bad: Mapping[str, str]) -> None:
    facts = ({"image": name, "why": why} for name, why in bad.items())
    rows = (json.dumps(each, ensure_ascii=False) for each in facts)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    sync(path)


def read_bad(path: Path) -> dict[str, str]:
    """Why pictures could not be read, by id; nothing where there is no such file."""
    try:
        held = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {row["image"]: row["why"] for row in map(json.loads, held)}


def put(file: FileIO, raw: bytes) -> None:
    """Write all of it where the file stands."""
    rest = memoryview(raw)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. What is there already is kept; the "
            "same command goes on with it."
        ) from error


def _raw(name: str, features: Any, dtype: str) -> bytes:
    """Features as they are stored. UserError for values that the type cannot hold."""
    held = torch.as_tensor(features).to(DTYPES[dtype])
    if not held.isfinite().all():
        raise UserError(
            f'The features of "{name}" do not fit into {dtype}: some are infinite or no number.'
            + ("" if dtype == "float32" else " Use --dtype float32.")
        )
    return held.contiguous().view(torch.uint8).numpy().tobytes()


def _packed(regions: Regions, columns: Sequence[str]) -> bytes:
    return _rows([getattr(regions, name) for name in columns], columns)


def _rows(arrays: Sequence[np.ndarray], columns: Sequence[str]) -> bytes:
    """Arrays beside the features, region by region."""
    if not columns:
        return b""
    kinds = [(name, COLUMNS[name].dtype, (COLUMNS[name].numbers,)) for name in columns]
    held = np.empty(len(arrays[0]), kinds)
    for name, array in zip(columns, arrays, strict=True):
        held[name] = np.asarray(array).reshape(len(held), -1)
    return held.tobytes()


def _by_column(raw: bytes, columns: Sequence[str]) -> bytes:
    kinds = [(name, COLUMNS[name].dtype, (COLUMNS[name].numbers,)) for name in columns]
    held = np.frombuffer(raw, kinds)
    return b"".join(held[name].tobytes() for name in columns)


def _digest(row: bytes, beside: bytes = b"") -> str:
    """Half a sha256: enough against chance, and half as long in the list of ids."""
    found = hashlib.sha256(row)
    found.update(beside)
    return found.hexdigest()[:32]


def _opened(path: Path) -> FileIO:
    """A file to be read and written, made where it is not there; nothing of it waits in memory."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    return FileIO(handle, "r+")
