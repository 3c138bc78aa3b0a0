"""Memory of training over a very large index: a million pictures with stored features.

    python tests/benchmarks/bench_index.py [--pictures 1000000] [--steps 10000]

Makes up a feature store of so many ids, whose array is a file with holes that takes no disk, and as
many questions. First the store's index is measured alone: the memory that a process gains when it
first looks an id up, and look-ups per second. Then a tiny VL-T5 trains over all of them in random
order with loading processes, and resident memory is told after step 100 and at the end: of the run
itself and, summed, of its loading processes; it is to grow by no more than 2 %. `own` is what no
other process shares.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.shards import HEADER, file_bytes, header
from vlcli.data.store import FeatureStore
from vlcli.runs.parts import build
from vlcli.runtime import seeds
from vlcli.runtime.engine import Engine
from vlcli.runtime.telling import Logging
from vlcli.runtime.trainer import Saving, Trainer
from vlcli.spec.stores import ARRAY, IDS, INDEX, Index, Shard, written

FIRST = 100
TOKENS, WIDTH, BATCH, WORKERS = 9, 512, 4, 2
GROWTH, LARGEST = 0.02, 100e6
WORDS = ("red", "blue", "green", "dots", "bars")


class Size(NamedTuple):
    """Bytes: resident, and of them those that no other process shares."""

    resident: int
    own: int


def measured() -> dict[str, Size]:
    """Of the run itself and, summed, of its loading processes."""
    me = psutil.Process()
    loading = [each for each in me.children() if each.status() != psutil.STATUS_ZOMBIE]
    return {"run": _size([me]), "loading": _size(loading)}


def _size(processes: list[psutil.Process]) -> Size:
    held = [each.memory_full_info() for each in processes]
    return Size(sum(each.rss for each in held), sum(each.uss for each in held))


def name_of(number: int) -> str:
    return f"images/train2017/{number:012d}.jpg"


def make_up_store(path: Path, pictures: int) -> None:
    """Features of zeros, in a file with holes."""
    path.mkdir()
    index = Index(
        pictures, TOKENS, WIDTH, "float16", (3, 3), {"encoder": "none"},
        {"path": "nowhere", "pictures": pictures, "digest": ""}, 0, {},
        shards=(Shard(pictures, pictures * TOKENS),),
    )  # fmt: skip
    head = header(index, index.shards[0])
    with (path / ARRAY).open("wb") as file:
        file.write(head)
        file.truncate(file_bytes(index, index.shards[0]))
    ids = hashlib.sha256()
    with (path / IDS).open("wb") as file:
        for number in range(pictures):
            line = json.dumps([name_of(number), f"{number:032x}", 100_000]).encode() + b"\n"
            ids.update(line)
            file.write(line)
    assert len(head) == HEADER
    digests = {ARRAY: hashlib.sha256(head).hexdigest(), IDS: ids.hexdigest()}
    (path / INDEX).write_bytes(written(index._replace(digests=digests)))


def make_up_questions(path: Path, pictures: int) -> None:
    words = random.Random(1)
    with path.open("w") as lines:
        for number in range(pictures):
            text = "how many " + " ".join(words.choices(WORDS, k=3))
            record = {"image": name_of(number), "text": text, "answers": [words.choice(WORDS)]}
            lines.write(json.dumps(record) + "\n")


def look_up(path: Path, pictures: int) -> dict[str, float]:
    """What the index of a store takes, in a process of its own."""
    store, me = FeatureStore(path), psutil.Process()
    gc.collect()
    before, began = me.memory_info().rss, time.monotonic()
    assert name_of(0) in store
    gc.collect()
    gained, seconds = me.memory_info().rss - before, time.monotonic() - began
    draw = random.Random(0)
    names = [name_of(draw.randrange(pictures)) for _ in range(100_000)]
    began = time.process_time()
    assert all(name in store for name in names)
    pace = len(names) / (time.process_time() - began)
    return {"bytes": gained, "seconds": seconds, "pace": pace}


def train(folder: Path, pictures: int, steps: int) -> dict[int, dict[str, Size]]:
    """What is measured after step 100 and after the last, by step."""
    questions, few = str(folder / "questions.jsonl"), folder / "few.jsonl"
    with open(questions) as lines:
        few.write_text("".join(next(lines) for _ in range(8)))
    spec = VLSpec(
        arch="vlt5", task="vqa", train=questions, valid=str(few),
        feature_type=f"stored:{folder / 'store'}", feat_dim=WIDTH,
        backbone="t5-tiny", from_scratch=True, tokenizer="train", unfreeze_language_model=True,
        batch_size=BATCH, num_workers=WORKERS, epochs=-(-steps * BATCH // pictures), device="cpu",
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
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--pictures", type=int, default=1_000_000)
    words.add_argument("--steps", type=int, default=10_000)
    words.add_argument("--look-up", type=Path, help=argparse.SUPPRESS)
    args = words.parse_args()
    if args.look_up:
        print(json.dumps(look_up(args.look_up, args.pictures)))
        return 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_up_store(folder / "store", args.pictures)
        make_up_questions(folder / "questions.jsonl", args.pictures)
        alone = [sys.executable, __file__, "--pictures", str(args.pictures)]
        said = subprocess.run(
            [*alone, "--look-up", str(folder / "store")],
            stdout=subprocess.PIPE, check=True, text=True, env=os.environ,
        ).stdout  # fmt: skip
        index = json.loads(said)
        print(
            f"index of {args.pictures:,} ids: {index['bytes'] / 1e6:.1f} MB (aim below "
            f"{LARGEST / 1e6:.0f}), read in {index['seconds']:.1f} s, "
            f"{index['pace']:,.0f} look-ups per CPU second",
            flush=True,
        )
        found = train(folder, args.pictures, args.steps)
    print(
        f"{args.steps:,} steps of {BATCH} pictures of {TOKENS} x {WIDTH}, {WORKERS} loading "
        "processes"
    )
    bad = index["bytes"] > LARGEST
    for kind in ("run", "loading"):
        for step, sizes in sorted(found.items()):
            each = sizes[kind]
            print(
                f"{kind:8} step {step:6}  {each.resident / 1e6:9.1f} MB"
                f"  ({each.own / 1e6:9.1f} MB own)"
            )
        growth = found[args.steps][kind].resident / found[FIRST][kind].resident - 1
        own = found[args.steps][kind].own / found[FIRST][kind].own - 1
        bad = bad or growth > GROWTH
        print(f"{kind:8} resident memory {growth:+.2%}, own {own:+.2%}")
    print(f"{time.monotonic() - began:.0f} s")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
