"""From JPEG files to pixels of one size: PIL alone, torchvision's decoder, and the reader of runs.

    python tests/benchmarks/bench_pixels.py [--folder PICTURES] [--size 224] [--rounds 7]

Every way decodes the same files and stretches them, whole, to size x size bytes in RGB. In turns,
one after the other in each round, in one thread; a line per way: pictures a second, median and
range over the rounds, and how far its bytes are from PIL's. Without a folder, pictures of 640 x 480
are made up: smooth colours with noise and edges, so that a file has about as many bytes as a
photograph has.

`augmented` is the reader with `use_data_augmentation` behind it, `draft` PIL's decoding of JPEG at
a half or less where that is still larger than the size asked for: faster, and not the same picture.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg  # type: ignore[import-untyped]
from torchvision.transforms import InterpolationMode  # type: ignore[import-untyped]
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]

from vlcli.contracts import Example
from vlcli.data.augment import Augmentation
from vlcli.data.dataset import Draw
from vlcli.data.pixels import PixelReader
from vlcli.data.visual import PictureFiles

Read = Callable[[str], np.ndarray]
WIDE, HIGH = 640, 480


def draw(folder: Path, many: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(many):
        coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((WIDE, HIGH), Image.Resampling.BICUBIC))
        picture = smooth + rng.normal(0, 9, (HIGH, WIDE, 1))
        for _ in range(12):
            y, x = rng.integers(0, HIGH - 60), rng.integers(0, WIDE - 60)
            picture[y : y + rng.integers(8, 60), x : x + rng.integers(8, 60)] = rng.integers(0, 256)
        held = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
        held.save(folder / f"{number}.jpg", quality=90)


def ways(folder: Path, size: int) -> dict[str, Read]:
    reader = PixelReader(PictureFiles(folder), (size, size))
    change = Augmentation(0)

    def by_pil(name: str) -> np.ndarray:
        with Image.open(folder / name) as file:
            return np.asarray(file.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))

    def by_both(name: str) -> np.ndarray:
        with Image.open(folder / name) as file:
            picture = torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)
        stretched: Tensor = functional.resize(
            picture, [size, size], InterpolationMode.BICUBIC, antialias=True
        )
        held: np.ndarray = stretched.permute(1, 2, 0).numpy()
        return held

    def by_draft(name: str) -> np.ndarray:
        with Image.open(folder / name) as file:
            file.draft("RGB", (size, size))
            return np.asarray(file.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))

    def by_torchvision(name: str) -> np.ndarray:
        raw = torch.frombuffer(bytearray((folder / name).read_bytes()), dtype=torch.uint8)
        picture = decode_jpeg(raw, mode=ImageReadMode.RGB)
        stretched: Tensor = functional.resize(
            picture, [size, size], InterpolationMode.BICUBIC, antialias=True
        )
        held: np.ndarray = stretched.permute(1, 2, 0).numpy()
        return held

    def by_reader(name: str) -> np.ndarray:
        pixels = reader.read(name).pixels
        assert pixels is not None
        return pixels.numpy()

    def augmented(name: str) -> np.ndarray:
        seen = Example(name, "vqa", "what?", visuals=(reader.read(name),))
        pixels = change(seen, Draw(0, int.from_bytes(name.encode()[:4]))).visuals[0].pixels
        assert pixels is not None
        return pixels.numpy()

    return {
        "PIL": by_pil,
        "torchvision (decode_jpeg, v2.resize)": by_torchvision,
        "PIL decodes, torchvision stretches": by_both,
        "the reader of runs": by_reader,
        "the reader, augmented": augmented,
        "PIL with draft": by_draft,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--folder", type=Path, help="JPEG files; without it some are made up")
    words.add_argument("--pictures", type=int, default=100)
    words.add_argument("--size", type=int, default=224)
    words.add_argument("--rounds", type=int, default=7)
    args = words.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made_up:
        folder = args.folder or Path(made_up)
        if args.folder is None:
            draw(folder, args.pictures)
        names = [path.name for path in sorted(folder.glob("*.jpg"))][: args.pictures]
        sizes = [(folder / name).stat().st_size for name in names]
        found = ways(folder, args.size)
        far = {
            name: max(
                int(np.abs(read(each).astype(int) - found["PIL"](each)).max()) for each in names
            )
            for name, read in found.items()
        }
        near = {
            name: statistics.mean(
                float(np.abs(read(each).astype(int) - found["PIL"](each)).mean()) for each in names
            )
            for name, read in found.items()
        }
        paces: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(args.rounds):
            for name, read in found.items():
                began = time.process_time()
                for each in names:
                    read(each)
                paces[name].append(len(names) / (time.process_time() - began))
    print(
        f"{len(names)} JPEG files of {statistics.mean(sizes) / 1e3:.0f} kB to "
        f"{args.size} x {args.size}, pictures per CPU second"
    )
    for name, each in paces.items():
        low, middle, high = min(each), statistics.median(each), max(each)
        beside = (
            "" if name == "PIL" else f"  {near[name]:.2f} of 255 from PIL's, at most {far[name]}"
        )
        print(f"  {name:<38}{middle:>7.0f} ({low:.0f}-{high:.0f}){beside}")


if __name__ == "__main__":
    main()
