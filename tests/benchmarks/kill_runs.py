"""One short run killed (`kill -9`) at random moments and resumed each time, beside one that never
was: are the final weights equal to the last bit?

    python tests/benchmarks/kill_runs.py [--kills 20] [--epochs 40] [--seed 0]

A kill comes at a time drawn between the run's first word and about two checkpoints later. Prints
where each one hit, and exits with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from safetensors.torch import load_file

SPEC = """{
    task: "vqa", dataset: "shapes", backbone: "t5-tiny", from_scratch: true, tokenizer: "train",
    unfreeze_language_model: true, feature_type: "patch", image_size: 64, patch_size: 16,
    batch_size: 16, epochs: %d, train_topk: 64, valid_topk: 8, lr: 1e-3, log_every: 1,
}
"""
TRAIN, RESUME = ("train", "run.json5", "--set"), ("train", "--resume", "cut")


class Run:
    """`vlcli` in a child process; its words by the time they came."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.said: list[tuple[float, str]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vlcli", *words],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()

    def _listen(self) -> None:
        for line in self.process.stderr or ():
            self.said.append((time.monotonic(), line.strip()))

    def end(self) -> int:
        code = self.process.wait()
        self.listener.join()
        return code

    def killed(self, after: float) -> bool:
        """Kill it that many seconds after its first word; whether it was still there."""
        while not self.said and self.process.poll() is None:
            time.sleep(0.005)
        time.sleep(after)
        self.process.send_signal(signal.SIGKILL)
        return self.end() == -signal.SIGKILL


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "run.json5").write_text(SPEC % args.epochs)
        whole = Run(folder, *TRAIN, "output=whole")
        if whole.end():
            print("\n".join(line for _, line in whole.said))
            return 1
        ends = [at for at, line in whole.said if line.startswith("epoch ")]
        between = (ends[-1] - ends[0]) / (len(ends) - 1)
        print(f"whole: {args.epochs} epochs, a checkpoint every {between:.2f} s", flush=True)
        for number in range(1, args.kills + 1):
            began = (folder / "cut/run.json").exists()
            run = Run(folder, *(RESUME if began else (*TRAIN, "output=cut")))
            after = draw.uniform(0, 2 * between + 0.2)
            if not run.killed(after):
                print("\n".join(line for _, line in run.said))
                print(f"kill {number}: the run was over; take more --epochs")
                return 1
            aside = [path.name for path in (folder / "cut/checkpoints").glob(".*")]
            last = run.said[-1][1] if run.said else "nothing said"
            told = next((line for _, line in run.said if "Resuming" in line), "")
            print(f"kill {number}: {after:.2f} s in; {told} {last!r} {aside or ''}", flush=True)
        last_run = Run(folder, *RESUME)
        if last_run.end():
            print("\n".join(line for _, line in last_run.said))
            return 1
        same = all(
            equal(folder / "whole", folder / "cut", pointer, file)
            for pointer in ("last", "best")
            for file in ("weights.safetensors", "optimizer.safetensors")
        )
        print(f"{args.kills} kills: final weights {'bit-equal' if same else 'DIFFER'}")
        return 0 if same else 1


def equal(one: Path, other: Path, pointer: str, file: str) -> bool:
    """Whether two runs' checkpoints of one name hold the same bits."""
    paths = [run / "checkpoints" / (run / "checkpoints" / pointer).read_text().strip() / file
             for run in (one, other)]  # fmt: skip
    ours, theirs = map(load_file, paths)
    return paths[0].parent.name == paths[1].parent.name and all(
        ours[name].numpy().tobytes() == theirs[name].numpy().tobytes()
        for name in ours.keys() | theirs.keys()
    )


if __name__ == "__main__":
    sys.exit(main())
