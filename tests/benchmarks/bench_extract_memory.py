"""Memory and index of an extraction over a million pictures, with a tower that costs nothing.

    python tests/benchmarks/bench_extract_memory.py [STEPS]

`vlcli features extract` walks 100 pictures a step for 10,000 steps. The ids are simulated: names as
long as COCO's, each of which opens the same 8 x 8 pixels, so that nothing but the extraction itself
is measured. Printed are resident memory after step 100 and at the end (it is to grow by no more
than 2 %), what the list of pictures takes in memory, and, of the finished store, what its index
takes on the disk and in the memory of a process that reads it (each is to stay below 100 MB).
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from vlcli.data.gathering import Gathered
from vlcli.data.listing import Listing
from vlcli.runs import extract as module
from vlcli.runs import extractor
from vlcli.runs.extract import extract
from vlcli.runs.extractor import Wish
from vlcli.towers.tower import Look, Tower

STEPS, FIRST, BATCH = 10_000, 100, 100
SHARD = 25_000  # pictures: 4 GB of 36 x 2048 in float16
SIDE, WIDTH = 8, 4  # 2 x 2 tokens of 4 numbers a picture: 32 bytes
GROWTH, ROOM = 0.02, 100e6
READ = """
import sys, psutil, gc
from vlcli.data.store import FeatureStore
me, store = psutil.Process(), FeatureStore(sys.argv[1])
gc.collect()
before = me.memory_info().rss
first = store.read(sys.argv[2])
gc.collect()
print(me.memory_info().rss - before)
"""


class OnePicture:
    """Every reference opens the same pixels."""

    def __init__(self) -> None:
        self.pixels = np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3)

    def open(self, reference: str) -> np.ndarray:
        return self.pixels

    def faults(self, references: Any) -> dict[str, str]:
        return {}


class Still(Tower):
    """A tower whose grid is always the same."""

    def __init__(self) -> None:
        super().__init__("still", nn.Linear(1, 1), Look(SIDE, (0.5,) * 3, (0.5,) * 3))

    def grid(self, pixels: Tensor) -> Tensor:
        return torch.ones(len(pixels), WIDTH, 2, 2)


def simulated(pictures: int) -> Gathered:
    names = (f"COCO_train2014_{number:012d}.jpg" for number in range(pictures))
    return Gathered(OnePicture(), Listing((name, 150_000) for name in names))


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    pictures, began = steps * BATCH, time.monotonic()
    seen: dict[int, int] = {}

    def tell(done: int, total: int) -> None:
        if done in (FIRST * BATCH, pictures):
            seen[done // BATCH] = resident()

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "store"
        before = resident()
        gathered = simulated(pictures)
        listed = resident() - before
        wish = Wish(
            Path("simulated"), out, "still", batch_size=BATCH, device="cpu", shard_size=str(SHARD)
        )
        with (
            patch.object(module, "gather", lambda *_: gathered),
            patch.object(extractor, "encoder", lambda _: Still()),
        ):
            found = extract(wish, print, tell)
        seconds = time.monotonic() - began
        on_disk = sum(
            each.stat().st_size
            for each in out.rglob("*")
            if each.is_file() and not each.name.endswith(".safetensors")
        )
        last = f"COCO_train2014_{pictures - 1:012d}.jpg"
        in_memory = int(subprocess.check_output([sys.executable, "-c", READ, str(out), last]))
    growth = seen[steps] / seen[FIRST] - 1
    print(f"{found.new:,} pictures in {steps:,} steps, {seconds:.0f} s")
    print(f"resident   {seen[FIRST] / 1e6:8.1f} MB at step {FIRST}")
    print(f"           {seen[steps] / 1e6:8.1f} MB at step {steps:,} ({growth:+.2%}; aim 2 %)")
    print(f"the list   {listed / 1e6:8.1f} MB in memory")
    print(f"the index  {on_disk / 1e6:8.1f} MB on the disk (aim {ROOM / 1e6:.0f})")
    print(f"           {in_memory / 1e6:8.1f} MB in a reader's memory (aim {ROOM / 1e6:.0f})")
    return int(growth > GROWTH or max(on_disk, in_memory) > ROOM)


if __name__ == "__main__":
    sys.exit(main())
