"""Random reads: the feature store beside both published HDF5 layouts and a tar of NPZ.

    python tests/benchmarks/bench_store.py

The same random arrays (R pictures, N x F, float32, with boxes) are written as one .h5 with a group
per picture, and converted by `vlcli features convert` to a store (float32 and float16), one .h5 per
picture, and a tar of one .npz per picture. Then all are read in turns, in the same random order, 64
pictures a batch, each copied into its place in the batch as a collator does.

A round reads each layout twice: cold, after its files have been written back and dropped from the
page cache one by one (posix_fadvise DONTNEED; the share of pages that stayed is measured by
mincore), opened anew; then warm, the same pictures once more. What the disk itself or a host below
a virtual machine caches is out of reach, and so are names and inodes. A line per layout, medians
over the rounds: bytes a picture, pictures per second cold and warm, and warm pictures per second of
CPU time.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import mmap
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np

from vlcli.data.members import Tar
from vlcli.data.store import StoredReader
from vlcli.runs.convert import Wish, convert

AIM, BATCH = 40_000, 64
Read = Callable[[str, np.ndarray], object]  # one picture into its place in a batch


def write(folder: Path, arrays: np.ndarray) -> dict[str, Path]:
    """Every layout of the same features."""
    first = folder / "groups.h5"
    with h5py.File(first, "w") as file:
        for number, array in enumerate(arrays):
            group = file.create_group(str(number))
            group["features"] = array
            group["boxes"] = np.zeros((len(array), 4), np.float32)
            group["img_w"], group["img_h"] = 640, 480
    made = {
        "store, float32": Wish(first, folder / "float32", "store"),
        "store, float16": Wish(first, folder / "float16", "store", "float16"),
        "one .h5 per picture": Wish(first, folder / "files", "h5-grid"),
        "a .tar of one .npz per picture": Wish(first, folder / "all.tar", "tar"),
    }
    for wish in made.values():
        convert(wish, lambda _: None, lambda done, total: None)
    np.save(folder / "floor.npy", arrays)
    return {
        "an array in memory (the floor)": folder / "floor.npy",
        "one .h5, a group per picture": first,
        **{key: wish.out for key, wish in made.items()},
    }


def opened(path: Path) -> Read:
    """How a layout gives one picture."""
    if path.suffix == ".npy":
        arrays = np.load(path)

        def from_memory(name: str, place: np.ndarray) -> None:
            place[:] = arrays[int(name)]

        return from_memory
    if path.suffix == ".h5":
        file = h5py.File(path, "r")
        return lambda name, place: file[f"{name}/features"].read_direct(place)
    if path.suffix == ".tar":
        tar = Tar(path)
        tar.places  # noqa: B018  # the index is made once, when it is first asked for

        def from_tar(name: str, place: np.ndarray) -> None:
            with np.load(io.BytesIO(tar.content(f"{name}.npz") or b"")) as held:
                place[:] = held["features"]

        return from_tar
    if path.name == "files":

        def from_file(name: str, place: np.ndarray) -> None:
            with h5py.File(path / f"{name}.h5", "r") as file:
                file[f"{name}/features"].read_direct(place)

        return from_file
    reader = StoredReader(path)
    "0" in reader.store  # noqa: B015  # its ids are read when they are first asked for

    def from_store(name: str, place: np.ndarray) -> None:
        place[:] = reader.read(name).features.numpy()

    return from_store


def files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def drop(path: Path) -> float:
    """Drop a layout's files from the page cache; the share of their pages that stayed."""
    for each in files(path):
        handle = os.open(each, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    sizes = [(resident(each), -(-each.stat().st_size // mmap.PAGESIZE)) for each in files(path)]
    return sum(held for held, _ in sizes) / sum(pages for _, pages in sizes)


def resident(path: Path) -> int:
    """Pages of a file that are in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    size = path.stat().st_size
    pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE) as held:
        place = ctypes.c_char.from_buffer(held)
        failed = libc.mincore(ctypes.byref(place), ctypes.c_size_t(size), pages)
        del place
    if failed:
        raise OSError(ctypes.get_errno(), "mincore")
    return sum(each & 1 for each in pages)


def paces(read: Read, names: list[str], batch: np.ndarray) -> tuple[float, float]:
    """Pictures per second, and per second of CPU time."""
    wall, busy = time.perf_counter(), time.process_time()
    for number, name in enumerate(names):
        read(name, batch[number % BATCH])
    return len(names) / (time.perf_counter() - wall), len(names) / (time.process_time() - busy)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--pictures", type=int, default=1000)
    words.add_argument("--reads", type=int, default=640)
    words.add_argument("--rounds", type=int, default=5)
    args = words.parse_args()
    draw = np.random.default_rng(0)
    for tokens, width in ((36, 2048), (49, 1280)):
        arrays = draw.random((args.pictures, tokens, width), np.float32)
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            made = write(Path(folder), arrays)
            found: dict[str, list[tuple[float, ...]]] = {name: [] for name in made}
            stayed = 0.0
            for _ in range(args.rounds):  # in turns: a slow minute falls on all of them
                order = [str(each) for each in draw.permutation(args.pictures)[: args.reads]]
                for name, path in made.items():
                    kind = np.float16 if name.endswith("float16") else np.float32
                    batch = np.zeros((BATCH, tokens, width), kind)
                    stayed = max(stayed, drop(path))
                    read = opened(path)
                    cold, _ = paces(read, order, batch)
                    warm, busy = paces(read, order, batch)
                    found[name].append((cold, warm, busy))
                    last = (len(order) - 1) % BATCH
                    assert np.allclose(batch[last], arrays[int(order[-1])], atol=1e-3), name
                    del read
            sizes = {n: sum(each.stat().st_size for each in files(p)) for n, p in made.items()}
        print(
            f"{args.pictures} pictures, {tokens} x {width}, {args.reads} random reads a round, "
            f"{args.rounds} rounds; {stayed:.1%} of the pages stayed in the cache"
        )
        print(f"  {'':<32}{'bytes':>9}{'cold/s':>9}{'warm/s':>9}{'warm/CPU s':>12}{'range':>17}")
        for name, each in found.items():
            cold, warm, busy = (statistics.median(column) for column in zip(*each, strict=True))
            low, high = min(one[2] for one in each), max(one[2] for one in each)
            aim = f"  (aim {AIM:,})" if name.startswith("store") else ""
            size = sizes[name] // args.pictures
            print(
                f"  {name:<32}{size:>9,}{cold:>9,.0f}{warm:>9,.0f}{busy:>12,.0f}"
                f"{f'{low:,.0f}-{high:,.0f}':>17}{aim}"
            )


if __name__ == "__main__":
    main()
