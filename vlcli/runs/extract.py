"""Features of pictures from their files to a store, with an encoder by name."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.data.gathering import Gathered, gather
from vlcli.data.store import FeatureStore
from vlcli.data.store_writer import StoreWriter, differences, source_digest
from vlcli.runs.extractor import Extractor, Wish
from vlcli.runs.filling import Engine, Progress, Tell, fill_here
from vlcli.runtime.interrupt import Interrupt
from vlcli.spec.problem import UserError
from vlcli.spec.stores import BAD, INDEX, ITEM_BYTES, Index, read_index

SPARE = 1.02  # of the disk: what a store takes beside its arrays
UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
USAGE = 2

Say = Callable[[str], None]


class Extracted(NamedTuple):
    """How an extraction ended: `whole`, or interrupted; `new` pictures were done now, in `seconds`,
    and `before` lay there already. Of a whole store, `records` are the pictures in it, `size` is
    what they take on the disk, and `bad` says why others could not be read, as `bad_file` does."""

    whole: bool
    new: int
    before: int
    total: int
    seconds: float
    records: int = 0
    size: int = 0
    bad: Mapping[str, str] = {}
    bad_file: Path | None = None


def extract(wish: Wish, say: Say, tell: Tell) -> Extracted:
    """Write the store; goes on with what an earlier call left. UserError for what a user can
    mend."""
    gathered = gather(wish.source, wish.images)
    extractor = Extractor(wish, gathered.pictures, gathered.sizes)
    facts, total = extractor.facts(), len(gathered.sizes)
    if wish.out.exists():
        index = _there(wish.out, facts, gathered)
        return _measured(Extracted(True, 0, index.records, total, 0.0), wish.out)
    most = extractor.tokens * extractor.width * ITEM_BYTES[wish.dtype]
    _check_room(wish.out, total * most)
    words = extractor.chooser.words if extractor.chooser else None
    each = per_shard(wish.shard_size, most)
    engine = _engine(wish)
    with StoreWriter(wish.out, facts, gathered.sizes, each, words) as writer:
        say(_plan(extractor, total, writer.many))
        before, began = writer.before, time.monotonic()
        if before:
            say(f"{before:,} of them were extracted before.")
        progress = Progress(before, total, tell)
        with Interrupt() as interrupt:
            whole = engine(extractor, writer, progress, lambda: interrupt.asked)
        seconds = time.monotonic() - began
        found = Extracted(whole, progress.new, before, total, seconds)
        if not whole:
            return found
        writer.finish(str(wish.source))
    if extractor.chooser and extractor.chooser.cut:
        say(
            f"{extractor.chooser.cut:,} pictures have more boxes than --boxes-per-picture "
            f"{wish.boxes_per_picture}: the first ones were taken."
        )
    return _measured(found, wish.out)


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
    return fill_here


def _plan(extractor: Extractor, total: int, shards: int) -> str:
    wish, size = extractor.wish, extractor.tower.look.size
    most = "up to " if extractor.chooser else ""
    return (
        f"{total:,} pictures, {most}{extractor.tokens} x {extractor.width} {wish.dtype} features "
        f"each ({wish.encoder}, {size} x {size} pixels)"
        + (f", in {shards:,} shards." if shards > 1 else ".")
    )


def _measured(found: Extracted, out: Path) -> Extracted:
    """With what there is to tell of a whole store."""
    store = FeatureStore(out)
    return found._replace(
        records=len(store),
        size=sum(each.stat().st_size for each in out.iterdir()),
        bad=store.bad,
        bad_file=out / (BAD if (out / BAD).exists() else INDEX) if store.bad else None,
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
