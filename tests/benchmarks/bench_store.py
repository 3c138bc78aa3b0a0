"""Random reads per CPU second: the feature store beside both published HDF5 layouts.

    python tests/benchmarks/bench_store.py

The same random arrays (R pictures, N x F, float32, with boxes) are written as a feature store
(float32 and float16), as one .h5 with a group per picture, and as one .h5 per picture. Then all are
read in the same random order, in turns, each read copied into the place of a batch as a collator
does. A line per layout: reads per second of CPU time, median and range over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np

from vlcli.data.store import StoredReader
from vlcli.data.store_writer import StoreWriter

AIM = 40_000


def write_store(path: Path, arrays: np.ndarray, dtype: str) -> None:
    R, N, F = arrays.shape
    facts = {"tokens": N, "width": F, "dtype": dtype, "grid": [1, N], "encoder": {}}
    names = {str(number): 1 for number in range(R)}
    with StoreWriter(path, facts, names) as writer:
        writer.add(list(names), arrays)
        writer.finish("random numbers", {})


def write_groups(path: Path, arrays: np.ndarray) -> None:
    """One file a split: group <id> with features, boxes and the picture's size."""
    with h5py.File(path, "w") as file:
        for number, array in enumerate(arrays):
            group = file.create_group(str(number))
            group["features"] = array
            group["boxes"] = np.zeros((len(array), 4), np.float32)
            group["img_w"], group["img_h"] = 640, 480


def write_files(folder: Path, arrays: np.ndarray) -> None:
    """One file a picture: <id>.h5 with <id>/features."""
    folder.mkdir()
    for number, array in enumerate(arrays):
        with h5py.File(folder / f"{number}.h5", "w") as file:
            file[f"{number}/features"] = array


def readers(folder: Path, arrays: np.ndarray) -> dict[str, Callable[[str, np.ndarray], None]]:
    """How each layout puts one picture's features into its place in a batch."""
    for dtype in ("float32", "float16"):
        write_store(folder / dtype, arrays, dtype)
    write_groups(folder / "groups.h5", arrays)
    write_files(folder / "files", arrays)
    stores = {dtype: StoredReader(folder / dtype) for dtype in ("float32", "float16")}
    groups = h5py.File(folder / "groups.h5", "r")

    def from_store(dtype: str) -> Callable[[str, np.ndarray], None]:
        def read(name: str, place: np.ndarray) -> None:
            place[:] = stores[dtype].read(name).features.numpy()

        return read

    def from_group(name: str, place: np.ndarray) -> None:
        groups[f"{name}/features"].read_direct(place)

    def from_file(name: str, place: np.ndarray) -> None:
        with h5py.File(folder / "files" / f"{name}.h5", "r") as file:
            file[f"{name}/features"].read_direct(place)

    def from_memory(name: str, place: np.ndarray) -> None:
        place[:] = arrays[int(name)]

    return {
        "an array in memory (the floor)": from_memory,
        "store, float32": from_store("float32"),
        "store, float16": from_store("float16"),
        "one .h5, a group per picture": from_group,
        "one .h5 per picture": from_file,
    }


def reads_per_second(
    read: Callable[[str, np.ndarray], None], names: list[str], shape: tuple[int, ...], dtype: str
) -> float:
    batch = np.empty((64, *shape), dtype)
    begin = time.process_time()
    for number, name in enumerate(names):
        read(name, batch[number % len(batch)])
    return len(names) / (time.process_time() - begin)


def batched_as(name: str) -> str:
    """The type of a batch: features stay as they are stored until they are on the device."""
    return "float16" if name.endswith("float16") else "float32"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--pictures", type=int, default=500)
    words.add_argument("--reads", type=int, default=1000)
    words.add_argument("--rounds", type=int, default=5)
    args = words.parse_args()
    draw = np.random.default_rng(0)
    for tokens, width in ((36, 2048), (49, 1280)):
        arrays = draw.random((args.pictures, tokens, width), np.float32)
        with tempfile.TemporaryDirectory() as folder:
            found = readers(Path(folder), arrays)
            check = np.empty(arrays[7].shape, np.float32)
            for name, read in found.items():
                read("7", check)
                assert np.allclose(check, arrays[7], atol=1e-3), name
            paces: dict[str, list[float]] = {name: [] for name in found}
            for _ in range(args.rounds):  # in turns: a slow minute falls on all of them
                order = [str(each) for each in draw.integers(0, args.pictures, args.reads)]
                for name, read in found.items():
                    pace = reads_per_second(read, order, arrays[0].shape, batched_as(name))
                    paces[name].append(pace)
        print(f"{args.pictures} pictures, {tokens} x {width}, {args.reads} random reads, cached")
        for name, each in paces.items():
            aim = f"  (aim {AIM:,})" if name.startswith("store") else ""
            low, middle, high = min(each), statistics.median(each), max(each)
            print(
                f"  {name:<32}{middle:>10,.0f} reads per CPU second ({low:,.0f}-{high:,.0f}){aim}"
            )


if __name__ == "__main__":
    main()
