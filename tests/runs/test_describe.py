"""What features are in every layout, and a sentence for each way they can be wrong."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vlcli.data.layouts.record import UNKNOWN
from vlcli.data.shards import HEADER
from vlcli.runs.describe import Description, describe
from vlcli.spec.problem import UserError
from vlcli.spec.stores import ARRAY

from .layouts import IDS, LAYOUTS, boxes, run, write_grids, write_split


def told(path: Path, check: bool = False) -> Description:
    return describe(path, check, lambda done, total: None)


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Path]:
    """The same boxes in every layout."""
    first = write_split(tmp_path / "first.h5")
    for layout, name in LAYOUTS.items():
        run(first, tmp_path / name, to=layout)
    return {layout: tmp_path / name for layout, name in LAYOUTS.items()}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_says_what_it_holds(made: dict[str, Path], layout: str, check: bool) -> None:
    found = told(made[layout], check)
    assert (found.layout, found.pictures, found.ids) == (layout, 5, IDS[:3])
    assert found.records.looked == 5
    assert (found.records.tokens, found.records.width) == ((4, 4), 6)
    assert found.records.dtypes == ("float32",)
    assert found.records.names["boxes"] == 5
    assert found.objects == dict.fromkeys(("obj_id", "obj_conf", "attr_id", "attr_conf"), 5)
    files = made[layout].rglob("*") if made[layout].is_dir() else [made[layout]]
    assert found.bytes == sum(each.stat().st_size for each in files if each.name != "about.json")
    assert found.about.source == str(made["store"].parent / "first.h5")
    assert found.damaged == ({} if check else None)


def test_many_records_are_looked_at_here_and_there(tmp_path: Path) -> None:
    names = [f"{number:04}" for number in range(450)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number, name in enumerate(names):
            file[f"{name}/features"] = np.ones((2 + (number == 449), 3), np.float32)
            if number < 225:
                file[f"{name}/boxes"] = np.zeros((2, 4))
    some, every = told(tmp_path / "a.h5"), told(tmp_path / "a.h5", check=True)
    assert (some.records.looked, some.records.names) == (200, {"boxes": 100})
    assert (every.records.looked, every.records.names) == (450, {"boxes": 225})
    assert every.records.tokens == (2, 3)


def test_a_published_grid_says_nothing_of_its_encoder(tmp_path: Path) -> None:
    found = told(write_grids(tmp_path / "data_clip_RN50_att"))
    assert (found.layout, found.records.tokens) == ("h5-grid", (49, 49))
    assert found.about == UNKNOWN


def test_a_flipped_bit_of_a_store_is_found(made: dict[str, Path]) -> None:
    held = bytearray((made["store"] / ARRAY).read_bytes())
    held[HEADER + 2 * 96 + 5] ^= 1
    (made["store"] / ARRAY).write_bytes(held)
    assert told(made["store"]).damaged is None
    why = f"{made['store']}, picture {IDS[2]}: it has changed since it was written."
    assert told(made["store"], check=True).damaged == {IDS[2]: why}


def put(group: Any, name: str, value: Any) -> None:
    del group[name]
    group[name] = value


def huge(group: Any) -> None:
    del group["features"]
    group.create_dataset("features", (2**22, 2**22), "f4", chunks=(1024, 1024))


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "nan": (lambda g: put(g, "features", np.full((4, 6), np.nan)), "not all features are finite"),
    "narrow": (lambda g: put(g, "features", np.ones((4, 5))), "of width 5, and those before it"),
    "flat": (lambda g: put(g, "features", np.ones(6)), '"features" is 6, not tokens x width'),
    "empty": (lambda g: put(g, "features", np.ones((0, 6))), '"features" is 0 x 6, not tokens'),
    "words": (lambda g: put(g, "features", "words"), '"features" holds no numbers'),
    "none": (lambda g: g.pop("features"), 'there is no "features"'),
    "few boxes": (lambda g: put(g, "boxes", np.ones((3, 4))), '"boxes" is of 3, and features of 4'),
    "no boxes": (lambda g: put(g, "boxes", np.ones((4, 5))), '"boxes" is 4 x 5, not boxes x 4'),
    "outside": (lambda g: put(g, "boxes", np.full((4, 4), 900.0)), "boxes lie outside the picture"),
    "no size": (lambda g: g.pop("img_w"), "boxes lie outside the picture"),
    "few ids": (lambda g: put(g, "obj_id", np.ones(3)), '"obj_id" is of 3, and features of 4'),
    "link": (lambda g: put(g, "boxes", h5py.ExternalLink("/etc/x", "y")), "links are refused"),
    "huge": (huge, "claims 70,368,744,177,664 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_an_h5_is_found_by_a_check(tmp_path: Path, case: str) -> None:
    spoil, words = WRONG[case]
    path = write_split(tmp_path / "first.h5")
    with h5py.File(path, "r+") as file:
        spoil(file[IDS[3]])
    damaged = told(path, check=True).damaged
    assert damaged is not None
    assert list(damaged) == [IDS[3]]
    assert damaged[IDS[3]].startswith(f"{path}, picture {IDS[3]}: ")
    assert words in damaged[IDS[3]]


def npz(**arrays: np.ndarray) -> bytes:
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def claiming(shape: str) -> bytes:
    """An NPZ whose header speaks of more than there is."""
    held = io.BytesIO()
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("features.npy", b"\x93NUMPY\x01\x00\x76\x00" + head.encode())
    return held.getvalue()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"no zip", "cannot be read as NPZ"),
        (npz(features=np.array([{}], dtype=object)), 'there is no "features" of numbers'),
        (npz(feature=np.ones((4, 6))), 'there is no "features" of numbers'),
        (claiming("(1000000, 1000000)"), "cannot be read as NPZ: an array of 4000000000000 bytes"),
        (claiming("(4, 6)"), "cannot be read as NPZ: an array is not as long as it says"),
        (claiming("(-4, -6)"), "cannot be read as NPZ: an array of 96 bytes"),
    ],
)
@pytest.mark.parametrize("layout", ["tar", "npz"])
def test_what_is_wrong_in_an_npz_is_found_by_a_check(
    made: dict[str, Path], tmp_path: Path, layout: str, raw: bytes, words: str
) -> None:
    (made["npz"] / f"{IDS[1]}.npz").write_bytes(raw)
    path = made["npz"]
    if layout == "tar":
        path = tmp_path / "spoilt.tar"
        subprocess.run(["tar", "cf", path, "-C", made["npz"], "."], check=True)
    damaged = told(path, check=True).damaged
    assert damaged is not None
    assert list(damaged) == [IDS[1]]
    assert words in damaged[IDS[1]]
    assert f"{IDS[1]}.npz" in damaged[IDS[1]]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_what_is_cut_off_is_one_sentence(made: dict[str, Path], share: float) -> None:
    first = {
        "h5-split": (made["h5-split"], "cannot be read as HDF5"),
        "h5-grid": (made["h5-grid"] / f"{IDS[0]}.h5", "cannot be read as HDF5"),
        "tar": (made["tar"], "cut off|uncompressed tar|no .npz"),
        "npz": (made["npz"] / f"{IDS[0]}.npz", "cannot be read as NPZ"),
        "store": (made["store"] / "index.json", "has changed since it was written"),
    }
    for layout, (path, words) in first.items():
        os.truncate(path, int(share * path.stat().st_size))
        with pytest.raises(UserError, match=words):
            told(made[layout])


def test_a_picture_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = write_split(tmp_path / "first.h5")
    with h5py.File(path, "r+") as file:
        put(file, IDS[0], h5py.ExternalLink("/etc/x.h5", "/"))
    with pytest.raises(UserError, match=f"picture {IDS[0]}: it is a link; links are refused"):
        told(path)


def several(folder: Path) -> None:
    for name in ("train", "val"):
        write_split(folder / f"{name}.h5")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: None, r"holds no features: no index\.json of a store, no \.h5 and no \.npz"),
        (several, r"has \.h5 files of many pictures each: train\.h5, val\.h5\. Name one of them"),
        (lambda f: [(f / each).touch() for each in ("a.h5", "a.npz")], "holds both .h5 and .npz"),
        (lambda f: h5py.File(f / "a.h5", "w").close(), r"a\.h5 has no picture|many pictures"),
    ],
)
def test_a_folder_that_is_none_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    make(tmp_path)
    with pytest.raises(UserError, match=words):
        told(tmp_path)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("a.txt", b"words", r"a\.txt cannot be read as HDF5"),
        ("a.npz", b"", r"a\.npz can hold the features of one picture\. Name the folder of them"),
        ("a.tar", bytes(1024), r"a\.tar holds no \.npz with features"),
    ],
)
def test_a_file_that_is_none_is_one_sentence(
    tmp_path: Path, name: str, raw: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError, match=words):
        told(tmp_path / name)


def test_an_h5_of_another_layout_is_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["features"] = np.ones((3, 36, 8))
    with pytest.raises(UserError, match='it has an array "features" where a group for each'):
        told(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w"):
        pass
    with pytest.raises(UserError, match=r"b\.h5 holds no picture"):
        told(tmp_path / "b.h5")


def test_what_need_not_be_read_is_told_without_torch(made: dict[str, Path]) -> None:
    probe = """
import sys
from pathlib import Path
from vlcli.runs.describe import describe
for path in sys.argv[1:]:
    describe(Path(path), False, print)
assert "torch" not in sys.modules
"""
    paths = [str(each) for each in made.values()]
    done = subprocess.run([sys.executable, "-c", probe, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_boxes_may_be_shares_of_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "first.h5"
    with h5py.File(path, "w") as file:
        held = boxes(0)
        for key in ("features", "obj_id"):
            file[f"17/{key}"] = held[key]
        file["17/boxes"] = held["boxes"] / [640, 480, 640, 480]
    assert told(path, check=True).damaged == {}
    run(path, tmp_path / "feats")
    run(tmp_path / "feats", tmp_path / "back.h5")
    with h5py.File(path) as one, h5py.File(tmp_path / "back.h5") as other:
        assert sorted(other["17"]) == ["boxes", "features", "obj_id"]
        assert np.abs(one["17/boxes"][()] - other["17/boxes"][()]).max() < 1e-7
