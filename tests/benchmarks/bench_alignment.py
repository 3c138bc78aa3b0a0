"""How fast two encoders train, beside open_clip's own step: its model and loss, torch's AdamW, the
order of its training loop; the same weights and batch, both in turn, in one run.

    python tests/benchmarks/bench_alignment.py [--batch 32] [--rounds 15] [--threads 1] [--fused]

A CLIP of 3 layers and width 64 on each side, pictures of 32 x 32 pixels, texts of 16 tokens. Ours
begins with bytes, theirs with pixels that are ready; with --fused theirs has torch's fused AdamW,
which open_clip does not ask for. Prints the median step of each in
milliseconds, the median of the ratios of neighbours, and the largest difference of the losses.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.archs.dual_encoder.beside_open_clip import Ours, Theirs, batch, known

WARM = 3


def timed(step: Callable[[], float]) -> tuple[float, float]:
    """Seconds of CPU of this process, which others on the machine do not lengthen; the loss."""
    began = time.process_time()
    loss = step()
    return time.process_time() - began, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fused", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        known(Path(folder))
        for loss in ("InfoNCE", "SigLIP"):
            compare(loss, asked.batch, asked.rounds, asked.fused)


def compare(loss: str, many: int, rounds: int, fused: bool) -> None:
    theirs = Theirs(loss, fused)
    ours = Ours(theirs, loss)
    pictures, ids = batch(many, 0)
    pixels, whole = ours.pixels(pictures), ours.batch(pictures, ids)
    mine, others, apart = [], [], 0.0
    for number in range(WARM + rounds):
        steps = {
            "ours": lambda: ours.step(whole),
            "theirs": lambda: theirs.step(pixels, ids),
        }
        order = list(steps) if number % 2 else list(reversed(steps))
        took = {name: timed(steps[name]) for name in order}
        apart = max(apart, abs(took["ours"][1] - took["theirs"][1]))
        if number >= WARM:
            mine.append(took["ours"][0])
            others.append(took["theirs"][0])
    ratio = statistics.median(a / b for a, b in zip(mine, others, strict=True))
    print(
        f"{loss}: ours {1000 * statistics.median(mine):.1f} ms, open_clip "
        f"{1000 * statistics.median(others):.1f} ms, ratio {ratio:.3f}; losses differ by at most "
        f"{apart:.1e}"
    )


if __name__ == "__main__":
    main()
