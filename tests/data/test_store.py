"""The feature store: what is written is read; kills, damage and strangers are told."""

from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from vlcli.data.shards import HEADER, PART
from vlcli.data.store import FeatureStore, StoredReader
from vlcli.data.store_writer import StoreWriter
from vlcli.data.visual import grid_boxes
from vlcli.spec.problem import UserError
from vlcli.spec.stores import ARRAY, IDS, INDEX, part_of, read_index

FACTS = {
    "tokens": 4,
    "width": 3,
    "dtype": "float16",
    "grid": [2, 2],
    "encoder": {"encoder": "none", "size": 8},
}
NAMES = {f"a/{number}.png": 100 + number for number in range(6)}


def values(name: str) -> np.ndarray:
    return np.arange(12, dtype=np.float32).reshape(4, 3) + NAMES[name]


def write(path: Path, names: dict[str, int] = NAMES, **facts: object) -> None:
    with StoreWriter(path, {**FACTS, **facts}, names) as writer:
        for name in names:
            if name not in writer.done:
                writer.add([name], values(name)[None])
        writer.finish("pictures", {})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write(tmp_path / "feats")
    return tmp_path / "feats"


def test_what_is_written_is_read_by_id_in_any_order(store: Path) -> None:
    held = FeatureStore(store)
    assert held.ids == list(NAMES)
    for name in reversed(NAMES):
        assert np.array_equal(held.read(name), values(name))
    assert list(held.damaged()) == []
    assert held.index.source["pictures"] == 6
    assert not part_of(store).exists()


def test_the_array_is_a_plain_safetensors_file(store: Path) -> None:
    array = load_file(store / ARRAY)["features"]
    assert (array.shape, array.dtype) == ((6, 4, 3), np.float16)
    assert np.array_equal(array[2], values("a/2.png"))


def test_a_reader_gives_features_as_stored_and_the_boxes_of_the_grid(store: Path) -> None:
    found = StoredReader(store).read("a/1.png")
    assert np.array_equal(found.features.numpy(), values("a/1.png"))
    assert found.features.numpy().dtype == np.float16  # half as much to copy on the way
    assert found.boxes.equal(grid_boxes(2, 2))


def test_the_folder_that_all_ids_share_may_be_left_out(store: Path) -> None:
    held = FeatureStore(store)
    assert np.array_equal(held.read("3.png"), values("a/3.png"))
    assert np.array_equal(held.read("./a/3.png"), values("a/3.png"))


def test_a_missing_id_is_one_sentence_with_file_and_id(store: Path) -> None:
    reader = StoredReader(store)
    said = f'The feature store {store} has no features of "b.png"; it has 6, such as "a/0.png".'
    assert reader.faults(["a/0.png", "b.png"]) == {"b.png": said}
    with pytest.raises(UserError) as caught:
        reader.read("b.png")
    assert (str(caught.value), caught.value.exit_code) == (said, 4)


def test_a_reader_travels_without_its_array_and_holds_one_handle(store: Path) -> None:
    reader = StoredReader(store)
    reader.read("a/0.png")
    assert len(pickle.dumps(reader)) < 3000
    other = pickle.loads(pickle.dumps(reader))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(50):
        assert other.read("a/5.png").features.equal(reader.read("a/5.png").features)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_what_a_reader_changes_stays_in_its_process(store: Path) -> None:
    FeatureStore(store).read("a/0.png")[:] = 0
    assert np.array_equal(FeatureStore(store).read("a/0.png"), values("a/0.png"))


def test_every_flipped_bit_is_noticed(store: Path) -> None:
    draw = random.Random(0)
    for name in (ARRAY, IDS, INDEX):
        file = store / name
        whole = file.read_bytes()
        for _ in range(70):
            changed = bytearray(whole)
            at = draw.randrange(len(whole))
            changed[at] ^= 1 << draw.randrange(8)
            file.write_bytes(changed)
            try:
                held = FeatureStore(store)
                noticed = bool(held.ids) and list(held.damaged()) != []
            except UserError:
                noticed = True
            assert noticed, (name, at)
        file.write_bytes(whole)


def test_a_file_that_is_cut_off_is_told(store: Path) -> None:
    os.truncate(store / ARRAY, HEADER + 100)
    with pytest.raises(UserError, match=r"features\.safetensors has 4196 bytes and should have"):
        FeatureStore(store).read("a/0.png")


def test_a_writer_goes_on_behind_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    with StoreWriter(path, FACTS, NAMES) as writer:
        writer.add(["a/0.png", "a/1.png"], np.stack([values("a/0.png"), values("a/1.png")]))
    assert not path.exists()
    part = part_of(path)
    with (part / IDS).open("ab") as ids, (part / f"{ARRAY}{PART}").open("ab") as array:
        ids.write(b'["a/2.png", "half a li')
        array.write(b"half a record")
    with StoreWriter(path, FACTS, NAMES) as writer:
        assert writer.done == {"a/0.png", "a/1.png"}
    write(path)
    held = FeatureStore(path)
    assert held.ids == list(NAMES)
    assert list(held.damaged()) == []


def test_a_picture_that_has_changed_is_extracted_again(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    with StoreWriter(path, FACTS, NAMES) as writer:
        writer.add(["a/0.png", "a/1.png"], np.stack([values("a/0.png"), values("a/1.png")]))
    with StoreWriter(path, FACTS, {**NAMES, "a/1.png": 7}) as writer:
        assert writer.done == {"a/0.png"}


def test_features_of_another_kind_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    with StoreWriter(path, FACTS, NAMES):
        pass
    other = {**FACTS, "encoder": {"encoder": "none", "size": 16}}
    with pytest.raises(UserError, match=r"begun with other features: size 8 \(here 16\)"):
        StoreWriter(path, other, NAMES).__enter__()


def test_two_processes_do_not_write_one_store(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    other = StoreWriter(tmp_path / "feats", FACTS, NAMES)
    said = pytest.raises(UserError, match="Another process is writing")
    with StoreWriter(tmp_path / "feats", FACTS, NAMES), said:
        other.__enter__()


def test_values_beyond_float16_are_refused(tmp_path: Path) -> None:
    said = pytest.raises(UserError, match=r'features of "a/0.png" do not fit.*--dtype float32')
    with StoreWriter(tmp_path / "feats", FACTS, NAMES) as writer, said:
        writer.add(["a/0.png"], np.full((1, 4, 3), 1e6, np.float32))


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no feature store .*gone\. Make one with"):
        read_index(tmp_path / "gone")
    with pytest.raises(UserError, match="is no feature store: it has no index"):
        read_index(tmp_path)
    with StoreWriter(tmp_path / "feats", FACTS, NAMES):
        pass
    with pytest.raises(UserError, match="is not finished"):
        read_index(tmp_path / "feats")


ENDLESS = """
import sys, numpy as np
from pathlib import Path
from tests.data.test_store import FACTS, StoreWriter

names = {str(number): 1 for number in range(3000)}
with StoreWriter(Path(sys.argv[1]), FACTS, names) as writer:
    for name in names:
        if name not in writer.done:
            writer.add([name], np.full((1, 4, 3), int(name), np.float32))
            print(name, flush=True)
    writer.finish("numbers", {})
"""


def test_a_kill_at_any_moment_loses_at_most_the_last_batch(tmp_path: Path) -> None:
    path = tmp_path / "feats"
    told, draw = -1, random.Random(1)
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(draw.randrange(5, 60)):
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.communicate()[0].split()
        told = int(rest[-1]) if rest else told
        names = {str(number): 1 for number in range(3000)}
        with StoreWriter(path, FACTS, names) as writer:
            assert len(writer.done) >= told + 1
    subprocess.run([sys.executable, "-c", ENDLESS, str(path)], check=True, capture_output=True)
    held = FeatureStore(path)
    assert held.ids == list(names)
    assert list(held.damaged()) == []
    assert all(held.read(name)[0, 0] == int(name) for name in names)
