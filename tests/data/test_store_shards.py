"""Stores of several arrays and types, stores of the first format, and a million ids."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vlcli.data.ids import Ids, Line
from vlcli.data.store import TOUCHED, FeatureStore
from vlcli.data.store_writer import StoreWriter
from vlcli.spec.problem import UserError
from vlcli.spec.stores import ARRAY, BAD, IDS, INDEX, part_of, read_index

from .test_store import FACTS, NAMES, values


def write(path: Path, per_shard: int | None = None, **facts: Any) -> FeatureStore:
    with StoreWriter(path, {**FACTS, **facts}, NAMES, per_shard) as writer:
        todo = [name for name in NAMES if name not in writer.done]
        writer.add(todo, np.stack([values(name) for name in todo]))
        writer.finish("pictures")
    return FeatureStore(path)


@pytest.mark.parametrize("per_shard", [1, 2, 4, 100])
def test_shards_are_read_as_one(tmp_path: Path, per_shard: int) -> None:
    held = write(tmp_path / "feats", per_shard)
    assert len(held.index.shards) == -(-6 // per_shard)
    assert held.ids == list(NAMES)
    assert list(held.damaged()) == []
    for name in reversed(NAMES):
        assert np.array_equal(held.read(name), values(name))
    files = {INDEX, IDS, *held.index.arrays}
    assert {file.name for file in held.path.iterdir()} == files
    arrays = [load_file(held.path / name)["features"] for name in held.index.arrays]
    assert torch.cat(arrays).numpy().tolist() == [values(name).tolist() for name in NAMES]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_features_come_back_as_the_type_holds_them(tmp_path: Path, dtype: str) -> None:
    held = write(tmp_path / "feats", 4, dtype=dtype)
    (kind,) = {getattr(torch, dtype)}
    for name in NAMES:
        wanted = torch.from_numpy(values(name)).to(kind)
        assert held.tensor(name).equal(wanted)
        assert held.tensor(name).dtype == kind
        assert np.array_equal(held.read(name).astype(np.float32), wanted.float().numpy())
    assert list(held.damaged()) == []


def test_a_changed_bit_in_any_shard_is_told_with_its_picture(tmp_path: Path) -> None:
    held = write(tmp_path / "feats", 2)
    file = held.path / held.index.arrays[1]
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    assert list(FeatureStore(held.path).damaged()) == ["a/3.png"]


def test_a_store_of_the_first_format_still_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "feats").path
    index = json.loads((path / INDEX).read_text())
    first = ("records", "tokens", "width", "dtype", "grid", "encoder", "source")
    old = {"format": "vlcli features 1", **{key: index[key] for key in first}}
    old |= {"skipped": {"b.png": "It is no picture."}, "digests": index["digests"]}
    old["sha256"] = hashlib.sha256(json.dumps(old, sort_keys=True).encode()).hexdigest()
    (path / INDEX).write_text(json.dumps(old, indent=1) + "\n")
    held = FeatureStore(path)
    assert (held.index.arrays, held.index.rows, held.index.skipped) == ((ARRAY,), 24, 1)
    assert all(np.array_equal(held.read(name), values(name)) for name in NAMES)
    assert list(held.damaged()) == []
    assert "could not be read: It is no picture." in held.faults(["b.png"])["b.png"]
    (path / INDEX).write_text(json.dumps(old | {"width": 4}, indent=1) + "\n")
    with pytest.raises(UserError, match="has changed since it was written"):
        read_index(path)


def test_whole_shards_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    names = list(NAMES)
    with StoreWriter(path, FACTS, NAMES, 2) as writer:
        writer.add(names[:3], np.stack([values(name) for name in names[:3]]))
        assert writer.before == 3
    array = part_of(path) / "features-00000.safetensors"
    before = array.stat().st_mtime_ns
    with StoreWriter(path, FACTS, NAMES, 2) as writer:
        assert [plan.number for plan in writer.todo()] == [1, 2]
        assert writer.done == set(names[:3])
    held = write(path, 2)
    assert list(held.damaged()) == []
    assert (path / array.name).stat().st_mtime_ns == before


def test_a_shard_of_pictures_that_have_changed_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    names = list(NAMES)
    with StoreWriter(path, FACTS, NAMES, 2) as writer:
        writer.add(names[:3], np.stack([values(name) for name in names[:3]]))
    with StoreWriter(path, FACTS, {**NAMES, names[1]: 7}, 2) as writer:
        assert writer.done == {names[0], names[2]}


def test_another_size_of_shards_is_told(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "feats", FACTS, NAMES, 2):
        pass
    with pytest.raises(UserError, match=r"shard 2 \(here 3\)"):
        StoreWriter(tmp_path / "feats", FACTS, NAMES, 3).__enter__()


def test_bad_pictures_are_listed_in_a_file_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    with StoreWriter(path, FACTS, NAMES, 2) as writer:
        for plan in writer.todo():
            with writer.shard(plan) as shard:
                good, bad = plan.wanted
                shard.add([good], values(good)[None])
                shard.skip({bad: f"{bad} is no picture."})
                writer.take(plan, shard.finish())
        assert writer.finish("pictures").skipped == 3
    rows = [json.loads(line) for line in (path / BAD).read_text().splitlines()]
    assert rows[0] == {"image": "a/1.png", "why": "a/1.png is no picture."}
    assert [row["image"] for row in rows] == ["a/1.png", "a/3.png", "a/5.png"]
    assert FeatureStore(path).ids == ["a/0.png", "a/2.png", "a/4.png"]
    assert not list(path.glob("bad-*"))


ENDLESS = """
import sys, numpy as np
from pathlib import Path
from vlcli.data.store_writer import StoreWriter
from tests.data.test_store import FACTS

names = {str(number): 1 for number in range(2000)}
with StoreWriter(Path(sys.argv[1]), FACTS, names, 70) as writer:
    done = writer.done
    for name in names:
        if name not in done:
            writer.add([name], np.full((1, 4, 3), int(name), np.float32))
            print(name, flush=True)
    writer.finish("numbers")
"""


def test_kills_at_any_moment_lose_at_most_a_batch_of_one_shard(tmp_path: Path) -> None:
    path, draw = tmp_path / "feats", random.Random(2)
    words = [sys.executable, "-c", ENDLESS, str(path)]
    for _ in range(3):
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(draw.randrange(60, 300)):
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.communicate()[0].split()
        told = int(rest[-1]) if rest else told
        with StoreWriter(path, FACTS, {str(number): 1 for number in range(2000)}, 70) as writer:
            assert writer.done >= {str(number) for number in range(told + 1)}
    subprocess.run(words, check=True, capture_output=True)
    held = FeatureStore(path)
    assert held.ids == [str(number) for number in range(2000)]
    assert list(held.damaged()) == []
    assert all(held.read(name)[0, 0] == int(name) for name in held)


def test_pages_that_were_read_are_let_go(tmp_path: Path) -> None:
    held = write(tmp_path / "feats", 3)
    kept = held.read("a/0.png")
    before = held._map(0)
    before.touched = TOUCHED + 1
    assert held.read("a/1.png").tolist() == values("a/1.png").tolist()
    assert held._map(0) is not before
    assert kept.tolist() == values("a/0.png").tolist()


def test_ids_are_found_among_many_and_with_marks_that_json_escapes(tmp_path: Path) -> None:
    names = [f'b/{number} \u00e9"\\,/{number % 7}.png' for number in range(5000)]
    raw = b"".join(Line(name, "0" * 32, 3).written() for name in names)
    (tmp_path / IDS).write_bytes(raw)
    ids = Ids(tmp_path / IDS, hashlib.sha256(raw).hexdigest(), False)
    assert [ids.find(name) for name in names] == list(range(5000))
    assert ids.find(names[77].removeprefix("b/")) == 77
    assert [ids.find(name) for name in ("", "b/", names[0] + "x", "b/b/" + names[0])] == [None] * 4
    with pytest.raises(UserError, match="has changed since it was written"):
        Ids(tmp_path / IDS, "0" * 64, False)
