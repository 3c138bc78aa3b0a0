"""Memory and open files of a long run that reads pictures from a tar with loading processes.

    python tests/benchmarks/bench_long.py [STEPS]

Trains a tiny model for 10,000 steps and prints resident memory and open file handles, of the run
itself and of its loading processes, after step 100 and at the end; memory is to grow by no more
than 2 %, handles not at all.
"""

from __future__ import annotations

import io
import json
import random
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
from PIL import Image

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.runs.parts import build
from vlcli.runtime import seeds
from vlcli.runtime.engine import Engine
from vlcli.runtime.telling import Logging
from vlcli.runtime.trainer import Saving, Trainer

STEPS, FIRST = 10_000, 100
PICTURES, SIDE, BATCH, WORKERS = 2000, 64, 4, 2
GROWTH = 0.02
WORDS = ("red", "blue", "green", "dots", "bars")


class Size(NamedTuple):
    """Resident bytes and open files of one kind of process."""

    memory: int
    files: int


def measured() -> dict[str, Size]:
    """Of the run itself and, summed, of its loading processes."""
    me = psutil.Process()
    loading = [each for each in me.children() if each.status() != psutil.STATUS_ZOMBIE]
    return {
        "run": Size(me.memory_info().rss, me.num_fds()),
        "loading": Size(
            sum(each.memory_info().rss for each in loading),
            sum(each.num_fds() for each in loading),
        ),
    }


def draw(folder: Path) -> Path:
    """A tar of JPEGs of noise, and questions about them."""
    rng = np.random.default_rng(1)
    with tarfile.open(folder / "pictures.tar", "w") as held:
        for number in range(PICTURES):
            content = io.BytesIO()
            noise = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(noise).save(content, "jpeg")
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = content.tell()
            content.seek(0)
            held.addfile(info, content)
    words = random.Random(1)
    path = folder / "questions.jsonl"
    with path.open("w") as lines:
        for number in range(PICTURES):
            text = "how many " + " ".join(
                words.choices(["red", "blue", "green", "dots", "bars"], k=3)
            )
            answer = words.choice(("one", "two", "three"))
            record = {"image": f"{number}.jpg", "text": text, "answers": [answer]}
            lines.write(json.dumps(record) + "\n")
    return path


def train(folder: Path, steps: int) -> dict[int, dict[str, Size]]:
    """What is measured after step 100 and after the last, by step."""
    questions = str(draw(folder))
    spec = VLSpec(
        arch="vlt5", task="vqa", train=questions, valid=questions, valid_topk=8,
        images=str(folder / "pictures.tar"),
        backbone="t5-tiny", from_scratch=True, tokenizer="train", unfreeze_language_model=True,
        feature_type="patch", image_size=(SIDE, SIDE), patch_size=32, feat_dim=3 * 32 * 32,
        batch_size=BATCH, num_workers=WORKERS, epochs=-(-steps * BATCH // PICTURES),
        device="cpu",
    )  # fmt: skip
    found: dict[int, dict[str, Size]] = {}

    def listen(record: Mapping[str, Any]) -> None:
        if record["kind"] == "train" and record["step"] in (FIRST, steps):
            found[record["step"]] = measured()

    with Engine(spec, spec) as engine:
        seeds.seed_everything(spec.seed)
        parts = build(spec)
        trainer = Trainer(
            parts.architecture,
            parts.batches(engine),
            engine,
            spec,
            folder=folder / "run",
            seed=spec.seed,
            max_steps=steps,
            logging=Logging(every=FIRST, listeners=(listen,)),
            saving=Saving(keep=1),
        )
        trainer.train()
    return found


def main() -> int:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = train(Path(folder), steps)
    print(f"{steps} steps of {BATCH} pictures, {WORKERS} loading processes")
    grew = False
    for kind in ("run", "loading"):
        for step, sizes in sorted(found.items()):
            size = sizes[kind]
            print(f"{kind:8} step {step:6}  {size.memory / 2**20:8.1f} MiB  {size.files} files")
        first, last = found[FIRST][kind], found[steps][kind]
        growth = last.memory / first.memory - 1
        grew = grew or growth > GROWTH or last.files > first.files
        print(f"{kind:8} memory {growth:+.2%}, files {last.files - first.files:+d}")
    print(f"{time.monotonic() - began:.0f} s")
    return int(grew)


if __name__ == "__main__":
    sys.exit(main())
