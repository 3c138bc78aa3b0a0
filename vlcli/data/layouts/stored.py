"""The feature store as one layout among others.

N visual tokens, F feature width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from vlcli.spec.problem import UserError
from vlcli.spec.stores import ATTRIBUTES, IDS, INDEX, ITEM_BYTES, OBJECTS, read_index

from ..ids import Line, lines
from .record import OBJECTS as COLUMNS
from .record import SIZES, About, Features, Head, Record, Summary, scale
from .writer import Plan, Writer

if TYPE_CHECKING:
    from ..shards import Regions
    from ..store import FeatureStore

BATCH = 64  # records that are forced to the disk together
SHARD = 4 * 10**9  # bytes, as extraction has it


class Stored(Features):
    """A feature store. Its arrays are opened, and torch with them, when the first is read."""

    layout, words = "store", "a feature store"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.index = read_index(path)
        files = [file for file in (OBJECTS, ATTRIBUTES) if file in self.index.digests]
        words = {file: (path / file).read_text("utf-8").splitlines() for file in files}
        source = self.index.source.get("path", "")
        self.about = About(self.index.encoder, source, self.index.grid, words)
        self.skipped = self.index.skipped
        self._store: FeatureStore | None = None
        self._line = Line("", "", 0)

    def __len__(self) -> int:
        return self.index.records

    def ids(self) -> Iterator[str]:
        for line in lines(self.path / IDS):
            self._line = line
            yield line.id

    def head(self, name: str) -> Head:
        index = self.index
        more = (*index.columns, *(SIZES if index.columns else ()))
        tokens = index.tokens
        if index.columns and self._line.id == name:
            tokens = self._line.rows or 0
        return Head(tokens, index.width, index.dtype, more)

    def read(self, name: str) -> Record:
        """The record that `ids` gave last is held against its digest."""
        store = self._opened()
        if self._line.id == name and not store.is_whole(self._line):
            raise UserError(f"{self.place(name)}: it has changed since it was written.")
        features = store.read(name)
        return Record(features, _arrays(store.regions(name)) if self.index.columns else {})

    def bad(self) -> Mapping[str, str]:
        return self._opened().bad

    def stored_as(self, record: Record) -> str:
        return self.index.dtype

    def bytes(self) -> int:
        return sum((self.path / name).stat().st_size for name in (INDEX, *self.index.digests))

    def summary(self, looked: int) -> Summary:
        """Of all records, from the index alone."""
        index = self.index
        least = index.tokens
        if index.columns and index.rows < index.records * index.tokens:
            least = min(each.rows or 0 for each in lines(self.path / IDS))
        names = dict.fromkeys(index.columns, index.records)
        return Summary(index.records, (least, index.tokens), index.width, (index.dtype,), names)

    def _opened(self) -> FeatureStore:
        if self._store is None:
            from ..store import FeatureStore

            self._store = FeatureStore(self.path)
            self._store.check_lists()
        return self._store


class StoredWriter(Writer):
    """Writes a store, which goes on where a stopped one was. Records have all of the first's arrays
    that a store can hold; those without boxes are grids of as many tokens."""

    keeps = True

    def __init__(self, path: Path, plan: Plan) -> None:
        super().__init__(path, plan)
        names = plan.first.names
        boxes = "boxes" in names
        self.columns = tuple(each for each in ("boxes", *COLUMNS) if boxes and each in names)
        known = (*self.columns, *(SIZES if boxes else ()))
        self.left = dict.fromkeys(each for each in names if each not in known)
        self._batch: dict[str, Record] = {}

    def __enter__(self) -> Self:
        from ..store_writer import StoreWriter

        width = self.plan.first.width
        facts = {
            "tokens": self.plan.tokens,
            "width": width,
            "dtype": self.plan.dtype,
            "grid": None if self.columns else self._grid(),
            "encoder": self.plan.about.encoder,
            "columns": self.columns,
        }
        wanted = dict.fromkeys(self.plan.names, -1)
        words = self.plan.about.words if self.columns else {}
        per_shard = max(1, SHARD // (self.plan.tokens * width * ITEM_BYTES[self.plan.dtype]))
        self._writer = StoreWriter(self.path, facts, wanted, per_shard, words).__enter__()
        self.done = self._writer.done
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def check(self, record: Record, place: str) -> None:
        lacking = [name for name in self.columns if name not in record.more]
        if lacking:
            raise UserError(f'{place}: there is no "{lacking[0]}", which others have.')
        if not self.columns and len(record.features) != self.plan.tokens:
            raise UserError(
                f"{place}: features of {len(record.features)} tokens, and others have "
                f"{self.plan.tokens}. A store holds so only what has boxes."
            )

    def add(self, name: str, record: Record) -> None:
        self._batch[name] = record
        if len(self._batch) == BATCH:
            self._flush()

    def finish(self, skipped: Mapping[str, str]) -> None:
        self._flush()
        self._writer.finish(self.plan.about.source, skipped)

    def _flush(self) -> None:
        held, self._batch = self._batch, {}
        if held:
            regions = [_regions(each.more) for each in held.values()] if self.columns else None
            self._writer.add(list(held), [each.features for each in held.values()], regions)

    def _grid(self) -> tuple[int, int]:
        """As it is known, else square where that is possible."""
        tokens, known = self.plan.tokens, self.plan.about.grid
        if known and known[0] * known[1] == tokens:
            return known
        side = math.isqrt(tokens)
        return (side, side) if side * side == tokens else (1, tokens)


def _arrays(regions: Regions) -> dict[str, np.ndarray]:
    """Boxes in pixels, where the size of the picture is known, in float64: so they become the same
    shares again."""
    sized = regions.wide > 0 and regions.high > 0
    sizes = {"img_w": np.array(regions.wide), "img_h": np.array(regions.high)} if sized else {}
    more: dict[str, Any] = {name: getattr(regions, name) for name in regions.columns}
    return {**more, **sizes, "boxes": regions.boxes.astype(np.float64) * scale(sizes)}


def _regions(more: Mapping[str, np.ndarray]) -> Regions:
    from ..shards import Regions

    shares = (more["boxes"].astype(np.float64) / scale(more)).clip(0, 1).astype(np.float32)
    wide, high = (int(more[name].reshape(-1)[0]) if name in more else 0 for name in SIZES)
    return Regions(shares, wide, high, *(more.get(name) for name in COLUMNS))
