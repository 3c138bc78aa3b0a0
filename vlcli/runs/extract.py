"""Features of pictures from their files to a store, or a published layout, with an encoder by
name."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.data.gathering import Gathered, gather
from vlcli.data.layouts.opening import opened
from vlcli.data.shards import read_bad
from vlcli.data.store import FeatureStore
from vlcli.data.store_writer import StoreWriter, differences, source_digest
from vlcli.runs import published_layouts
from vlcli.runs.embedding import RunExtractor
from vlcli.runs.extractor import Extractor, Wish
from vlcli.runs.filling import AnyExtractor, Engine, fill_here
from vlcli.runs.progress import Progress, Say, Tell
from vlcli.runtime.interrupt import Interrupt
from vlcli.spec.encoders import OF_RUN
from vlcli.spec.problem import UserError
from vlcli.spec.stores import BAD, INDEX, ITEM_BYTES, Index, read_index

SPARE = 1.02  # of the disk: what a store takes beside its arrays
UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
USAGE = 2


class Extracted(NamedTuple):
    """How an extraction ended: `whole`, or interrupted; `new` pictures were done now, in `seconds`,
    and `before` lay there already. What is whole is at `out`, has `records` pictures and takes
    `size` bytes on the disk; `bad` says why others could not be read, as `bad_file` does."""

    whole: bool
    new: int
    before: int
    total: int
    seconds: float
    out: Path
    records: int = 0
    size: int = 0
    bad: Mapping[str, str] = {}
    bad_file: Path | None = None


def extract(wish: Wish, say: Say, tell: Tell) -> Extracted:
    """Make what is asked for; goes on with what an earlier call left. UserError for what a user can
    mend."""
    if wish.layout == "store":
        return _Task(wish, wish.out, say, tell).store()
    target = published_layouts.target(wish)
    task = _Task(wish, published_layouts.meanwhile(target), say, tell)
    if published_layouts.is_there(target, task.facts["encoder"], list(task.gathered.sizes)):
        return _laid_out(Extracted(True, 0, 0, task.total, 0.0, target))
    found = task.store()
    if not found.whole:
        return found
    began = time.monotonic()
    whole = published_layouts.lay_out(wish, target, found.bad, say, tell)
    seconds = found.seconds + time.monotonic() - began
    found = found._replace(whole=whole, seconds=seconds, out=target)
    return _laid_out(found) if whole else found


class _Task:
    """A wish, and what it is about; `out` is where the store is to be."""

    def __init__(self, wish: Wish, out: Path, say: Say, tell: Tell) -> None:
        self.wish, self.out, self.say, self.tell = wish, out, say, tell
        self.engine = _engine(wish)
        per_shard(wish.shard_size, 1)  # UserError, before anything is computed
        self.gathered, self.extractor = _prepared(wish)
        self.total = len(self.gathered.sizes)
        self.facts = self.extractor.facts()

    def store(self) -> Extracted:
        if self.out.exists():
            index = _there(self.out, self.facts, self.gathered)
            return _stored(Extracted(True, 0, index.records, self.total, 0.0, self.out))
        chooser = self.extractor.chooser
        most = self.extractor.tokens * self.extractor.width * ITEM_BYTES[self.wish.dtype]
        _check_room(self.out, self.total * most * (1 if self.wish.layout == "store" else 2))
        words = chooser.words if chooser else None
        each = per_shard(self.wish.shard_size, most)
        with StoreWriter(self.out, self.facts, self.gathered.sizes, each, words) as writer:
            self.say(_plan(self.extractor, self.total, writer.many))
            found = self._fill(writer)
            if found.whole:
                writer.finish(str(self.wish.source))
        if chooser and chooser.cut:
            self.say(
                f"{chooser.cut:,} pictures have more boxes than --boxes-per-picture "
                f"{self.wish.boxes_per_picture}: the first ones were taken."
            )
        return _stored(found) if found.whole else found

    def _fill(self, writer: StoreWriter) -> Extracted:
        before, began = writer.before, time.monotonic()
        if before:
            self.say(f"{before:,} of them were extracted before.")
        progress = Progress(before, self.total, self.tell, self.say)
        with Interrupt() as interrupt:
            whole = self.engine(self.extractor, writer, progress, lambda: interrupt.asked)
        seconds = time.monotonic() - began
        return Extracted(whole, progress.new, before, self.total, seconds, self.out)


def _prepared(wish: Wish) -> tuple[Gathered, AnyExtractor]:
    """What there is to extract, and what does it."""
    if wish.encoder.startswith(OF_RUN):
        found = RunExtractor(wish)
        return found.gathered, found
    gathered = gather(wish.source, wish.images)
    return gathered, Extractor(wish, gathered.pictures, gathered.folder)


def per_shard(size: str, most: int) -> int:
    """How many pictures a shard takes: "4GB" of pictures of so many bytes, or a plain number."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]B)?", size.strip(), re.IGNORECASE)
    number = float(found[1]) if found else 0.0
    if found and found[2]:
        return max(1, int(number * UNITS[found[2].upper()] / most))
    if not found or number < 1 or number != int(number):
        raise UserError(
            f'--shard-size is "{size}". Write bytes, such as 4GB or 500MB, or a whole number of '
            "pictures.",
            USAGE,
        )
    return int(number)


def _engine(wish: Wish) -> Engine:
    if wish.engine == "local":
        return fill_here
    from vlcli.runs import ray_engine

    ray_engine.library()
    return ray_engine.fill_on_ray


def _plan(extractor: AnyExtractor, total: int, shards: int) -> str:
    wish, size = extractor.wish, extractor.side
    most = "up to " if extractor.chooser else ""
    seen = wish.encoder if wish.texts else f"{wish.encoder}, {size} x {size} pixels"
    return (
        f"{total:,} {'texts' if wish.texts else 'pictures'}, "
        f"{most}{extractor.tokens} x {extractor.width} {wish.dtype} features each ({seen})"
        + (f", in {shards:,} shards." if shards > 1 else ".")
    )


def _stored(found: Extracted) -> Extracted:
    """With what there is to tell of a whole store."""
    store = FeatureStore(found.out)
    file = found.out / (BAD if BAD in store.index.digests else INDEX)
    size = sum(each.stat().st_size for each in found.out.iterdir())
    return found._replace(records=len(store), size=size, bad=store.bad, bad_file=file)


def _laid_out(found: Extracted) -> Extracted:
    """With what there is to tell of another layout."""
    file = published_layouts.bad_file(found.out)
    with opened(found.out) as held:
        return found._replace(
            records=len(held), size=held.bytes(), bad=read_bad(file), bad_file=file
        )


def _there(out: Path, facts: dict[str, Any], gathered: Gathered) -> Index:
    """The index of a whole store that stands there already, if it is the one asked for."""
    if not (out / INDEX).exists():
        raise UserError(f"{out} exists and is no feature store. Name another place.")
    index = read_index(out)
    held = {**index._asdict(), "grid": index.grid and list(index.grid)}
    theirs = {key: held[key] for key in facts} | {"columns": list(index.columns)}
    if theirs != facts:
        raise UserError(
            f"{out} holds other features: {differences(theirs, facts)}. Name another place."
        )
    if index.source["digest"] != source_digest(gathered.sizes):
        raise UserError(
            f"{out} holds features of other pictures ({index.source['path']}, "
            f"{index.source['pictures']:,}). Name another place."
        )
    return index


def _check_room(out: Path, wanted: int) -> None:
    """UserError where the disk plainly has no room."""
    folder = next((each for each in out.absolute().parents if each.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    if wanted * SPARE > free:
        raise UserError(
            f"The features take {wanted / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free. "
            "Name another place, --dtype float16 or --pool pooled."
        )
