"""The feature store, read by memory map. Its files: `vlcli.spec.stores`.

R pictures, N visual tokens of a picture, F feature width.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import sys
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vlcli.contracts import Box, Visual
from vlcli.disk import file_digest
from vlcli.spec.problem import UserError
from vlcli.spec.stores import (
    AGAIN,
    ATTRIBUTES,
    BAD,
    IDS,
    INDEX,
    OBJECTS,
    Index,
    Shard,
    StoreError,
    read_index,
)

from .ids import Ids, Line, changed, lines
from .shards import COLUMNS, DTYPES, HEADER, Regions, file_bytes, read_bad, row_digest
from .shown import said, vocabulary
from .visual import Pictures, coverage, grid_boxes, overlaps

MAPS = 64  # shards that are mapped at once
TOUCHED = 1 << 23  # bytes of all shards until one is mapped anew: the pages that were read count
# as memory of this process for as long as they are mapped
AROUND = 1 << 16  # bytes that the system maps where one is read
_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0  # else a file larger than memory is refused


class FeatureStore:
    """A whole store, open for reading: random access to (N, F) by id.

    Small and picklable: arrays are mapped and ids are read where they are first used, once a
    process. UserError where the store is missing, unfinished or not what was written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.index = read_index(self.path)
        self._maps: OrderedDict[int, _Map] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "index": self.index, "_maps": OrderedDict()}

    def __len__(self) -> int:
        return self.index.records

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._ids.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        """The ids in the order of the records."""
        return (line.id for line in lines(self.path / IDS))

    @property
    def ids(self) -> list[str]:
        return list(self)

    @cached_property
    def bad(self) -> dict[str, str]:
        """Why pictures could not be read, by id."""
        if BAD in self.index.digests or not self.index.skipped:
            return read_bad(self.path / BAD)
        held: dict[str, str] = json.loads((self.path / INDEX).read_bytes())["skipped"]
        return held

    @cached_property
    def objects(self) -> tuple[str, ...]:
        """What the numbers of objects mean; () where that is not known."""
        return vocabulary(self.path / OBJECTS)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        return vocabulary(self.path / ATTRIBUTES)

    def read(self, name: str) -> np.ndarray:
        """The features (N, F) of one picture, a view; of bfloat16, which numpy does not know, a
        copy in float32. UserError where it has none here.

        An id may leave out the folder that all ids share.
        """
        found = self.tensor(name)
        held: np.ndarray = (found.float() if found.dtype == torch.bfloat16 else found).numpy()
        return held

    def tensor(self, name: str) -> Tensor:
        """The same as they are stored. What is written to them stays in this process."""
        return self._tensor(self._record(name))

    def regions(self, name: str) -> Regions:
        """What is known of the regions of one picture, in a store of regions."""
        return self._regions(self._record(name))

    def faults(self, names: Iterable[str]) -> dict[str, str]:
        """A sentence for each of `names` that the store does not hold."""
        return {name: self._lacks(name) for name in names if self._ids.find(name) is None}

    def damaged(self) -> Iterator[str]:
        """The ids of which anything is not, to the bit, what was written. UserError where the lists
        beside the features are not."""
        self.check_lists()
        return (line.id for line in lines(self.path / IDS) if not self.is_whole(line))

    def check_lists(self) -> None:
        """UserError where what stands beside the features is not what was written."""
        for name in (IDS, BAD, OBJECTS, ATTRIBUTES):
            wanted = self.index.digests.get(name)
            if wanted and _digest(self.path / name) != wanted:
                raise changed(self.path / name)

    def is_whole(self, line: Line) -> bool:
        """Whether all that is held of a picture is, to the bit, what was written."""
        record, columns = self._record(line.id), self.index.columns
        regions = self._regions(record) if columns else None
        beside = [getattr(regions, name) for name in columns]
        held = self._tensor(record).contiguous().view(torch.uint8).numpy()
        return row_digest(held, beside, columns) == line.digest

    @cached_property
    def _ids(self) -> Ids:
        return Ids(self.path / IDS, self.index.digests[IDS], bool(self.index.columns))

    @cached_property
    def _firsts(self) -> list[Shard]:
        """The records and rows that precede each shard, and those of all."""
        steps = accumulate(
            self.index.shards,
            lambda one, other: Shard(one.records + other.records, one.rows + other.rows),
            initial=Shard(0, 0),
        )
        return list(steps)

    def _record(self, name: str) -> int:
        found = self._ids.find(name)
        if found is None:
            raise UserError(self._lacks(name))
        return found

    def _lacks(self, name: str) -> str:
        first = next(iter(self), None)
        why = self.bad.get(name)
        held = f'it has {len(self)}, such as "{first}".'
        if why:
            held = f"its picture could not be read: {why}"
        return f'The feature store {self.path} has no features of "{name}"; {held}'

    def _place(self, record: int) -> tuple[_Map, slice]:
        """The shard of a record, and where its features stand among those of the shard."""
        number = bisect_right(self._firsts, (record, sys.maxsize)) - 1
        before = self._firsts[number]
        if self.index.columns:
            begin, end = map(int, self._ids.ends[record : record + 2])
        else:
            begin, end = (each * self.index.tokens for each in (record, record + 1))
        shard = self._map(number)
        shard.touched += max((end - begin) * self.index.row_bytes, AROUND)
        return shard, slice(begin - before.rows, end - before.rows)

    def _map(self, number: int) -> _Map:
        held = self._maps.pop(number, None)
        if held is None or held.touched > TOUCHED // (len(self._maps) + 1):
            held = _Map(self.path / self.index.arrays[number], self.index, number)
        self._maps[number] = held
        if len(self._maps) > MAPS:
            self._maps.popitem(last=False)
        return held

    def _tensor(self, record: int) -> Tensor:
        shard, rows = self._place(record)
        return shard.features[rows]

    def _regions(self, record: int) -> Regions:
        shard, rows = self._place(record)
        wide, high = self._ids.sides[record].tolist()
        beside = {name: array[rows].copy() for name, array in shard.beside.items()}
        return Regions(wide=wide, high=high, **beside)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


class _Map:
    """The arrays of one shard: `features` (T, F), and what stands `beside` them, by name."""

    def __init__(self, path: Path, index: Index, number: int) -> None:
        shard = index.shards[number]
        pages = _mapped(path, file_bytes(index, shard), index.digests[path.name])
        at = HEADER + shard.rows * index.row_bytes
        self.features = (
            torch.frombuffer(
                pages, dtype=DTYPES[index.dtype], count=shard.rows * index.width, offset=HEADER
            ).view(-1, index.width)
            if shard.rows
            else torch.empty(0, index.width, dtype=DTYPES[index.dtype])
        )
        self.beside: dict[str, np.ndarray] = {}
        for name in index.columns:
            column = COLUMNS[name]
            count = shard.rows * column.numbers
            array = np.frombuffer(pages, column.dtype, count, at)
            self.beside[name] = array.reshape(-1, 4) if column.numbers > 1 else array
            at += shard.rows * column.bytes
        self.touched = 0


def _mapped(path: Path, size: int, digest: str) -> mmap.mmap:
    """A shard's file, copy on write; one handle, held by the map."""
    try:
        with path.open("rb") as file:
            held = os.fstat(file.fileno()).st_size
            if held != size:
                raise StoreError(f"{path} has {held} bytes and should have {size}.", AGAIN)
            if hashlib.sha256(file.read(HEADER)).hexdigest() != digest:
                raise changed(path)
            if os.name == "nt":
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            kind, rights = mmap.MAP_PRIVATE | _NO_RESERVE, mmap.PROT_READ | mmap.PROT_WRITE
            return mmap.mmap(file.fileno(), 0, kind, rights)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


class StoredReader:
    """`feature_type: "stored:PATH"`: features out of a store, with the boxes of their grid or those
    of their regions; `named` also gives what the regions show, where the store knows it.

    A reference is an id of the store. `pictures` are those the features were made of, where they
    are at hand, to be shown beside results.
    """

    def __init__(
        self, path: str | Path, pictures: Pictures | None = None, named: bool = False
    ) -> None:
        self.store = FeatureStore(path)
        self.pictures = pictures
        self.named = named
        self.boxes = grid_boxes(*self.store.index.grid) if self.store.index.grid else None

    def read(self, reference: str) -> Visual:
        features = self.store.tensor(reference)
        if self.boxes is not None:
            return Visual(features, self.boxes)
        regions = self.store.regions(reference)
        names = self._names(regions) if self.named else ()
        return Visual(features, torch.from_numpy(regions.boxes), names)

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """The mean of the grid's features within each box, by shares of the cells it covers; of
        stored regions, for each box the features of the one that overlaps most."""
        whole, boxes = self.read(reference), torch.tensor(regions)
        if self.boxes is None:
            return Visual(whole.features[overlaps(boxes, whole.boxes).argmax(dim=1)], boxes)
        shares = coverage(boxes, self.boxes).to(whole.features.dtype)
        return Visual(shares @ whole.features, boxes)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return self.store.faults(references)

    def _names(self, regions: Regions) -> tuple[str, ...]:
        things, kinds = (
            [words[number] for number in numbers] if words and numbers is not None else []
            for words, numbers in (
                (self.store.objects, regions.obj_id),
                (self.store.attributes, regions.attr_id),
            )
        )
        return said(things, kinds)
