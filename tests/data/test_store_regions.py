"""Stores of regions: boxes and what they show lie beside the features, as many as a picture has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from vlcli.data.shards import PART, Regions
from vlcli.data.shown import tags
from vlcli.data.store import FeatureStore, StoredReader
from vlcli.data.store_writer import StoreWriter
from vlcli.spec.stores import ARRAY, ATTRIBUTES, IDS, OBJECTS, part_of

COLUMNS = ["boxes", "obj_id", "obj_conf", "attr_id", "attr_conf"]
FACTS: dict[str, Any] = {
    "tokens": 4,
    "width": 3,
    "dtype": "float16",
    "grid": None,
    "encoder": {"encoder": "none"},
    "columns": COLUMNS,
}
NAMES = {f"{number}.png": 100 for number in range(7)}
WORDS = {OBJECTS: ["cat", "dog", "tree", "car"], ATTRIBUTES: ["red", "old"]}


def regions(name: str) -> Regions:
    draw = np.random.default_rng(int(name[0]))
    many = 1 + int(name[0]) % 4
    low = draw.random((many, 2), np.float32) / 2
    return Regions(
        np.concatenate([low, low + 0.5], 1),
        640,
        480 + many,
        draw.integers(0, 4, many, dtype=np.int32),
        draw.random(many, np.float32),
        draw.integers(0, 2, many, dtype=np.int32),
        draw.random(many, np.float32),
    )


def features(name: str) -> np.ndarray:
    many = len(regions(name).boxes)
    return np.arange(many * 3, dtype=np.float32).reshape(many, 3) + 10 * int(name[0])


def write(path: Path, per_shard: int | None = None, **facts: Any) -> FeatureStore:
    with StoreWriter(path, {**FACTS, **facts}, NAMES, per_shard, WORDS) as writer:
        done = writer.done
        todo = [name for name in NAMES if name not in done]
        known = [regions(name) for name in todo]
        writer.add(todo, [features(name) for name in todo], known)
        writer.finish("pictures")
    return FeatureStore(path)


def same(one: Regions, other: Regions) -> bool:
    sides = (one.wide, one.high) == (other.wide, other.high)
    return sides and all(np.array_equal(getattr(one, key), getattr(other, key)) for key in COLUMNS)


@pytest.mark.parametrize("per_shard", [None, 2])
def test_regions_come_back_with_their_features(tmp_path: Path, per_shard: int | None) -> None:
    held = write(tmp_path / "feats", per_shard)
    assert held.index.rows == sum(len(features(name)) for name in NAMES)
    for name in reversed(NAMES):
        assert np.array_equal(held.read(name), features(name))
        assert same(held.regions(name), regions(name))
    assert list(held.damaged()) == []
    raw = load_file(held.path / held.index.arrays[0])
    assert set(raw) == {"features", *COLUMNS}
    assert len(raw["boxes"]) == len(raw["features"]) == held.index.shards[0].rows


def test_a_reader_gives_boxes_and_says_what_they_show(tmp_path: Path) -> None:
    path = write(tmp_path / "feats").path
    seen = StoredReader(path).read("2.png")
    assert seen.boxes.equal(torch.from_numpy(regions("2.png").boxes))
    assert seen.names == ()
    seen = StoredReader(path, named=True).read("2.png")
    known = regions("2.png")
    assert known.obj_id is not None
    assert known.attr_id is not None
    things = [WORDS[OBJECTS][number] for number in known.obj_id]
    kinds = [WORDS[ATTRIBUTES][number] for number in known.attr_id]
    assert list(seen.names) == [
        f"{kind} {thing}" for kind, thing in zip(kinds, things, strict=True)
    ]
    assert tags(seen.names) == list(dict.fromkeys(things))


def test_a_region_asked_for_is_the_stored_one_that_overlaps_most(tmp_path: Path) -> None:
    reader = StoredReader(write(tmp_path / "feats").path)
    boxes = regions("3.png").boxes
    asked = [tuple(boxes[at] + 0.01) for at in (2, 0)]
    found = reader.read_regions("3.png", asked)
    assert np.array_equal(found.features.numpy(), features("3.png")[[2, 0]])
    assert found.boxes.numpy() == pytest.approx(np.array(asked))


def test_a_flipped_bit_of_a_box_is_noticed(tmp_path: Path) -> None:
    held = write(tmp_path / "feats")
    file = held.path / ARRAY
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1  # of the last attribute's confidence
    file.write_bytes(raw)
    assert list(FeatureStore(held.path).damaged()) == ["6.png"]


def test_a_kill_amid_regions_loses_the_last_batch_alone(tmp_path: Path) -> None:
    path, names = tmp_path / "feats", list(NAMES)
    with StoreWriter(path, FACTS, NAMES, None, WORDS) as writer:
        for name in names[:3]:
            writer.add([name], [features(name)], [regions(name)])
    part = part_of(path)
    lines = (part / IDS).read_bytes().splitlines(keepends=True)
    (part / IDS).write_bytes(b"".join(lines[:2]) + lines[2][:20])
    with (part / f"{ARRAY}{PART}").open("ab") as array:
        array.write(b"half a record")
    with StoreWriter(path, FACTS, NAMES, None, WORDS) as writer:
        assert writer.done == {"0.png", "1.png"}
    held = write(path)
    assert list(held.damaged()) == []
    assert all(same(held.regions(name), regions(name)) for name in NAMES)


def test_what_is_not_known_is_absent(tmp_path: Path) -> None:
    facts = {**FACTS, "columns": ["boxes"]}
    with StoreWriter(tmp_path / "feats", facts, {"1.png": 1}) as writer:
        known = Regions(regions("1.png").boxes, 10, 20)
        writer.add(["1.png"], [features("1.png")], [known])
        writer.finish("pictures")
    held = FeatureStore(tmp_path / "feats")
    assert held.regions("1.png")[3:] == (None,) * 4
    assert StoredReader(held.path, named=True).read("1.png").names == ()
    assert set(load_file(held.path / ARRAY)) == {"features", "boxes"}
