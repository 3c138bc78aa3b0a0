"""Features of pictures from their files to a store, with an encoder by name.

B pictures of a batch, S side in pixels, N visual tokens, F feature width.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image

from vlcli.data.gathering import Gathered, gather
from vlcli.data.store import StoreWriter, differences, source_digest
from vlcli.data.visual import Pictures, fitted
from vlcli.runtime.device import choose_device
from vlcli.runtime.interrupt import Interrupt
from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED, RANDOM
from vlcli.spec.problem import UserError
from vlcli.spec.stores import INDEX, Index, read_index
from vlcli.towers.build import build
from vlcli.towers.tower import Pool, Tower

SPARE = 1.02  # of the disk: what a store takes beside its array


class Wish(NamedTuple):
    """What to extract, as the command line has it: `weights` is a file or package, and without it
    and `random` the library's pretrained weights are taken."""

    source: Path
    out: Path
    encoder: str
    weights: str | None = None
    random: bool = False
    pool: Pool = "grid"
    size: int | None = None
    dtype: Literal["float16", "float32"] = "float16"
    batch_size: int = 32
    device: str = "auto"
    images: Path | None = None
    on_bad: Literal["error", "skip"] = "error"


class Extracted(NamedTuple):
    """How an extraction ended: `whole`, or interrupted; `new` pictures were done
    now, in `seconds`, and `before` lay there already."""

    whole: bool
    new: int
    before: int
    total: int
    seconds: float
    skipped: dict[str, str]


Tell = Callable[[int, int], None]  # done, total


def extract(wish: Wish, say: Callable[[str], None], tell: Tell) -> Extracted:
    """Write the store; goes on with what an earlier call left. UserError for what a user can
    mend."""
    gathered = gather(wish.source, wish.images)
    tower = encoder(wish)
    rows, columns, width = tower.shape(wish.pool)
    facts = {
        "tokens": rows * columns,
        "width": width,
        "dtype": wish.dtype,
        "grid": [rows, columns],
        "encoder": {**tower.facts(), "pool": wish.pool, "weights": _weights(wish)},
    }
    if wish.out.exists():
        index = _there(wish.out, facts, gathered)
        return Extracted(True, 0, index.records, len(gathered.sizes), 0.0, index.skipped)
    _check_room(wish.out, len(gathered.sizes), rows * columns * width, wish.dtype)
    say(
        f"{len(gathered.sizes):,} pictures, {rows * columns} x {width} features each "
        f"({wish.encoder}, {tower.look.size} x {tower.look.size} pixels)."
    )
    with StoreWriter(wish.out, facts, gathered.sizes) as writer, Interrupt() as interrupt:
        before, began = len(writer.done), time.monotonic()
        skipped: dict[str, str] = {}
        if before:
            say(f"{before:,} of them were extracted before.")
        todo = [name for name in gathered.sizes if name not in writer.done]
        new = 0
        for names, pictures, bad in _batches(todo, gathered.pictures, tower, wish):
            skipped |= bad
            if names:
                writer.add(names, _features(tower, pictures, wish.pool))
            new += len(names)
            tell(before + new + len(skipped), len(gathered.sizes))
            if interrupt.asked:
                break
        seconds = time.monotonic() - began
        whole = before + new + len(skipped) == len(gathered.sizes)
        if whole:
            writer.finish(str(wish.source), skipped)
        return Extracted(whole, new, before, len(gathered.sizes), seconds, skipped)


def encoder(wish: Wish) -> Tower:
    """The encoder with its weights, where it computes."""
    weights = wish.weights or (RANDOM if wish.random else PRETRAINED)
    return build(wish.encoder, weights, wish.size, read_file).to(choose_device(wish.device))


def see(pictures: Pictures, name: str, tower: Tower) -> np.ndarray:
    """A picture (S, S, 3) in bytes, whole and stretched. UserError where it cannot be read."""
    side = tower.look.size
    method = Image.Resampling[tower.look.interpolation.upper()]
    return fitted(pictures.open(name), (side, side), method)


Batch = tuple[list[str], list[np.ndarray], dict[str, str]]


def _batches(names: Sequence[str], pictures: Pictures, tower: Tower, wish: Wish) -> Iterator[Batch]:
    """The readable names of each batch, their pictures, and why the others are not: decoded by
    a thread of its own, one batch ahead of the encoder."""
    with ThreadPoolExecutor(1) as pool:

        def ask(batch: list[str]) -> list[tuple[str, Future[np.ndarray]]]:
            return [(name, pool.submit(see, pictures, name, tower)) for name in batch]

        rest = iter(names)
        ahead = ask(list(islice(rest, wish.batch_size)))
        while ahead:
            now, ahead = ahead, ask(list(islice(rest, wish.batch_size)))
            try:
                yield _read(now, wish)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _read(asked: list[tuple[str, Future[np.ndarray]]], wish: Wish) -> Batch:
    found: Batch = ([], [], {})
    for name, future in asked:
        try:
            found[1].append(future.result())
            found[0].append(name)
        except UserError as error:
            if wish.on_bad == "error":
                raise UserError(
                    f"{error} Mend it and repeat the command, which goes on from here, or add "
                    "--on-bad skip.",
                    error.exit_code,
                ) from error
            found[2][name] = str(error)
    return found


def _features(tower: Tower, pictures: list[np.ndarray], pool: Pool) -> np.ndarray:
    """(B, N, F) float32."""
    device = next(tower.parameters()).device
    found = tower.features(torch.from_numpy(np.stack(pictures)).to(device), pool)
    held: np.ndarray = found.flatten(1, 2).float().cpu().numpy()
    return held


def _there(out: Path, facts: dict[str, Any], gathered: Gathered) -> Index:
    """The index of a whole store that stands there already, if it is the one asked for."""
    if not (out / INDEX).exists():
        raise UserError(f"{out} exists and is no feature store. Name another place.")
    index = read_index(out)
    held = {**index._asdict(), "grid": list(index.grid)}
    theirs = {key: held[key] for key in facts}
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


def _check_room(out: Path, pictures: int, numbers: int, dtype: str) -> None:
    """UserError where the disk plainly has no room."""
    wanted = int(pictures * numbers * np.dtype(dtype).itemsize * SPARE)
    folder = next((each for each in out.absolute().parents if each.is_dir()), Path("/"))
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise UserError(
            f"The features take {wanted / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free. "
            "Name another place, --dtype float16 or --pool pooled."
        )


def _weights(wish: Wish) -> str:
    return "random" if wish.random else Path(wish.weights or "pretrained").name
