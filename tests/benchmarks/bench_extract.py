"""Pictures per second: `vlcli features extract` beside the forward pass of its encoder alone.

    python tests/benchmarks/bench_extract.py [--pictures 300] [--threads 1]

In every round the encoder sees ready tensors, as many as there are pictures, and then the same
pictures are extracted from their files into a store of float16, with the same encoder and batch
size: decoded, stretched, normalised, computed, rounded, written and forced to the disk. Pictures
are those of Flickr8k in VLCLI_DATA_DIR (224 x 224, JPEG), or noise of the same size where it is
not there. Printed are both rates, median and range over the rounds, and the median of the share
that extraction keeps of the forward rate: by the clock, and by processor time, which tells what is
left where there is no second core to decode and write on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from vlcli.data.gathering import gather
from vlcli.data.store_writer import StoreWriter
from vlcli.runs.extractor import Extractor, Wish
from vlcli.runs.filling import fill_here
from vlcli.runs.progress import Progress
from vlcli.towers.tower import Tower

TAR = Path(os.environ.get("VLCLI_DATA_DIR", "../shared/data")) / "flickr8k/flickr8k_224q75.tar"
AIM = 0.9


def pictures(folder: Path, many: int) -> None:
    if TAR.is_file():
        with tarfile.open(TAR) as tar:
            some = [member for member in tar if member.isfile()][:many]
            for number, member in enumerate(some):
                file = tar.extractfile(member)
                assert file is not None
                (folder / f"{number}.jpg").write_bytes(file.read())
        return
    draw = np.random.default_rng(0)
    for number in range(many):
        rough = draw.integers(0, 255, (28, 28, 3), dtype=np.uint8)
        Image.fromarray(rough).resize((224, 224)).save(folder / f"{number}.jpg", quality=75)


class Pace(NamedTuple):
    """Pictures per second by the clock, and by processor time."""

    clock: float
    processor: float


def pace(many: int, work: Callable[[], object]) -> Pace:
    begin, began = time.perf_counter(), time.process_time()
    work()
    return Pace(many / (time.perf_counter() - begin), many / (time.process_time() - began))


@torch.inference_mode()
def forward(tower: Tower, many: int, batch: int, device: str) -> Pace:
    """Of ready tensors."""
    side = tower.look.size
    ready = tower.pixels(torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8))
    ready = ready.to(device)

    def work() -> None:
        for at in range(0, many, batch):
            tower.grid(ready[: many - at])
        if device == "cuda":
            torch.cuda.synchronize()

    return pace(many, work)


def extract(wish: Wish, extractor: Extractor, sizes: dict[str, int]) -> Pace:
    """As the command does it once its encoder is built."""
    with StoreWriter(wish.out, extractor.facts(), sizes) as writer:

        def work() -> None:
            fill_here(extractor, writer, Progress(0, len(sizes)), lambda: False)
            writer.finish("pictures")

        return pace(len(sizes), work)


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--pictures", type=int, default=300)
    words.add_argument("--batch-size", type=int, default=64)
    words.add_argument("--threads", type=int, default=1, help="of the encoder")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--encoder", default="timm:tf_efficientnet_lite0")
    words.add_argument("--device", default="cpu")
    args = words.parse_args()
    torch.set_num_threads(args.threads)
    alone: list[Pace] = []
    whole: list[Pace] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        pictures(folder, args.pictures)
        found = gather(folder)
        wish = Wish(folder, folder, args.encoder, random=True, batch_size=args.batch_size)
        extractor = Extractor(wish._replace(device=args.device), found.pictures, found.folder)
        forward(extractor.tower, args.batch_size, args.batch_size, args.device)
        for number in range(args.rounds):
            alone.append(forward(extractor.tower, args.pictures, args.batch_size, args.device))
            out = Path(name) / str(number)
            whole.append(extract(wish._replace(out=out), extractor, found.sizes))
    print(
        f"{args.encoder}, {args.pictures} pictures in batches of {args.batch_size}, {args.device}, "
        f"{args.threads} threads of the encoder; {args.rounds} rounds"
    )
    share = 0.0
    for way, unit in (("processor", "per second of processor time"), ("clock", "per second")):
        rates = [[getattr(each, way) for each in some] for some in (alone, whole)]
        for what, each in zip(("forward alone", "extract"), rates, strict=True):
            low, middle, high = min(each), statistics.median(each), max(each)
            print(f"  {what:<14}{middle:>9,.1f} pictures {unit} ({low:,.1f}-{high:,.1f})")
        share = statistics.median(two / one for one, two in zip(*rates, strict=True))
        print(f"  {'share':<14}{share:>9.2f}{f' (aim {AIM})' if way == 'clock' else ''}")
    return int(share < AIM)


if __name__ == "__main__":
    sys.exit(main())
