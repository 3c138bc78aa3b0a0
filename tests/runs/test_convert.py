"""Features from one layout to another and back: nothing is lost but what is said."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest

from vlcli.data.hdf5 import BoxReader, GridReader
from vlcli.data.layouts.opening import opened
from vlcli.data.layouts.record import ABOUT, About
from vlcli.data.store import FeatureStore, StoredReader
from vlcli.runs import convert as module
from vlcli.spec.problem import UserError
from vlcli.spec.stores import part_of

from .layouts import IDS, LAYOUTS, boxes, read, records, run, write_grids, write_split

PIXEL = 640 * 2**-23  # a box in pixels as shares of the picture in float32, and back


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_there_and_back_are_equal(tmp_path: Path, layout: str) -> None:
    first = write_split(tmp_path / "first.h5")
    there, back = tmp_path / LAYOUTS[layout], tmp_path / "back.h5"
    assert run(first, there, to=layout)[0].left == ()
    run(there, back)
    before, after = read(first), read(back)
    assert list(before) == list(read(there)) == list(after) == IDS
    for name in IDS:
        one, other = before[name], after[name]
        assert one.arrays.keys() == other.arrays.keys()
        for key in one.arrays.keys() - {"boxes"}:
            assert np.array_equal(one.arrays[key], other.arrays[key]), key
        assert one.features.dtype == other.features.dtype == np.float32
        slack = PIXEL if layout == "store" else 0
        assert np.abs(one.more["boxes"] - other.more["boxes"]).max() <= slack


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["boxes", "grid"])
def test_a_store_there_and_back_is_the_same_to_the_bit(
    tmp_path: Path, layout: str, kind: str
) -> None:
    made = write_split if kind == "boxes" else write_grids
    run(made(tmp_path / "made.h5" if kind == "boxes" else tmp_path / "made"), tmp_path / "store")
    run(tmp_path / "store", tmp_path / f"other-{LAYOUTS[layout]}", to=layout)
    run(tmp_path / f"other-{LAYOUTS[layout]}", tmp_path / "again")
    assert all(
        (tmp_path / "store" / each).read_bytes() == (tmp_path / "again" / each).read_bytes()
        for each in os.listdir(tmp_path / "store")
    )


def test_what_made_the_features_travels_with_them(tmp_path: Path) -> None:
    encoder = {"encoder": "timm:none", "size": 8, "mean": [0.5, 0.5, 0.5]}
    about = About(encoder, "pictures", (2, 3), {})
    source = write_grids(tmp_path / "made", tokens=6)
    (source / ABOUT).write_text(about.written())
    for layout, name in LAYOUTS.items():
        run(source, tmp_path / name, to=layout)
        source = tmp_path / name
        with opened(source) as held:
            assert held.about == about


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_words_of_boxes_travel_with_them(tmp_path: Path, layout: str) -> None:
    run(write_split(tmp_path / "first.h5"), tmp_path / "loose", to="npz")
    words = {"objects.txt": ["yolk", "goggles"] * 800, "attributes.txt": ["gray"] * 400}
    about = About({}, "pictures", None, words)
    (tmp_path / "loose" / ABOUT).write_text(about.written())
    run(tmp_path / "loose", tmp_path / "0")
    run(tmp_path / "0", tmp_path / f"1-{LAYOUTS[layout]}", to=layout)
    run(tmp_path / f"1-{LAYOUTS[layout]}", tmp_path / "2")
    store = FeatureStore(tmp_path / "2")
    assert (store.objects[1], len(store.attributes)) == ("goggles", 400)


def test_words_that_an_h5_has_no_room_for_are_said(tmp_path: Path) -> None:
    source = write_grids(tmp_path / "made")
    about = About({"encoder": "timm:none"}, "pictures", None, {"objects.txt": ["yolk"] * 10_000})
    (source / ABOUT).write_text(about.written())
    assert run(source, tmp_path / "out.h5")[0].left == ("words",)
    with opened(tmp_path / "out.h5") as held:
        assert held.about.encoder == about.encoder


def test_words_never_lead_to_other_files(tmp_path: Path) -> None:
    source = write_grids(tmp_path / "made")
    about = About({}, "pictures", None, {"../../evil.txt": ["yolk"]})
    (source / ABOUT).write_text(about.written())
    with pytest.raises(UserError, match=r"about\.json does not say what made the features"):
        run(source, tmp_path / "feats")


def test_what_a_run_reads_is_the_same_from_both(tmp_path: Path) -> None:
    """The published reader on the h5, and the store's on what was made of it."""
    path = tmp_path / "COCO/features/val2014_obj36.h5"
    path.parent.mkdir(parents=True)
    draw = np.random.default_rng(0)
    write_split(path, **{**boxes(0, 36), "features": draw.random((36, 2048), np.float32)})
    run(path, tmp_path / "feats")
    ours, theirs = StoredReader(tmp_path / "feats"), BoxReader(tmp_path)
    for name in IDS:
        one, other = ours.read(name), theirs.read(name)
        assert one.features.equal(other.features)
        assert one.boxes.sub(other.boxes).abs().max() < 1e-6
    folder = tmp_path / "VG/clip_features/data_clip_ViT_att"
    grid = np.random.default_rng(1).random((49, 768)).astype(np.float16)
    folder.mkdir(parents=True)
    with h5py.File(folder / "17.h5", "w") as file:
        file["17/features"] = grid
    run(folder, tmp_path / "grids")
    shutil.rmtree(folder)
    run(tmp_path / "grids", folder, to="h5-grid")
    assert np.array_equal(GridReader(tmp_path, "ViT").read("17").features.numpy(), grid)
    assert StoredReader(tmp_path / "grids").read("17").boxes.shape == (49, 4)


@pytest.mark.parametrize(
    ("dtype", "change", "said"),
    [
        ("float16", 0.001, "float32 to float16: numbers of up to 2.8"),
        ("bfloat16", 0.008, "float32 to bfloat16: numbers of up to 2.8"),
        ("float32", 0, ""),
    ],
)
def test_precision_that_is_lost_is_said(
    tmp_path: Path, dtype: str, change: float, said: str
) -> None:
    first = write_split(tmp_path / "first.h5")
    found, _ = run(first, tmp_path / "feats", dtype=dtype)
    assert found.rounding.startswith(said)
    assert bool(found.rounding) == (dtype != "float32")
    store = FeatureStore(tmp_path / "feats")
    assert store.index.dtype == dtype
    moved = max(np.abs(store.read(n) - r.features).max() for n, r in read(first).items())
    assert moved <= change
    assert f"moved by up to {moved:.2g}." in (found.rounding or "moved by up to 0.")
    back, _ = run(tmp_path / "feats", tmp_path / "back.h5", dtype="float32")
    assert back.rounding == (
        "" if dtype == "float32" else f"{dtype} to float32: no number changed."
    )


def test_numbers_too_large_for_a_type_stop_it_with_their_picture(tmp_path: Path) -> None:
    first = write_split(tmp_path / "first.h5", features=np.full((4, 6), 1e6, np.float32))
    for out in ("feats", "out.h5"):
        with pytest.raises(UserError, match=rf"first.h5, picture {IDS[0]}: some numbers are too"):
            run(first, tmp_path / out, dtype="float16")
        assert not (tmp_path / out).exists()
    run(first, tmp_path / "wide", dtype="bfloat16")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_record_stops_it_or_is_left_out(tmp_path: Path, layout: str) -> None:
    first = write_split(tmp_path / "first.h5")
    with h5py.File(first, "r+") as file:
        file[f"{IDS[2]}/features"][1, 1] = np.nan
    out = tmp_path / LAYOUTS[layout]
    with pytest.raises(UserError, match=r"not all features are finite numbers\. Mend it, or"):
        run(first, out, to=layout)
    assert not out.exists()
    found, _ = run(first, out, to=layout, on_bad="skip")
    assert list(found.skipped) == [IDS[2]]
    assert list(read(out)) == [each for each in IDS if each != IDS[2]]
    if layout == "store":
        run(out, tmp_path / "again", dtype="bfloat16")
        assert FeatureStore(tmp_path / "again").bad == found.skipped


def test_a_store_that_was_stopped_goes_on_and_others_leave_nothing(tmp_path: Path) -> None:
    first = write_split(tmp_path / "first.h5")
    for layout, name in LAYOUTS.items():
        out = tmp_path / name
        before = set(os.listdir(tmp_path))
        wish = module.Wish(first, out, layout)
        stop = lambda done, total: done == 2 and os.kill(os.getpid(), signal.SIGINT)  # noqa: E731
        found = module.convert(wish, lambda _: None, stop)
        assert (found.whole, found.new) == (False, 2)
        if layout == "store":
            assert found.kept == 2
            assert part_of(out).exists()
            again, said = run(first, out)
            assert (again.whole, again.new) == (True, 3)
            assert "2 of them were converted before." in said
            assert list(read(out)) == IDS
            assert list(FeatureStore(out).damaged()) == []
        else:
            assert set(os.listdir(tmp_path)) == before
            assert found.kept == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_full_disk_is_a_sentence(tmp_path: Path, layout: str) -> None:
    resource = pytest.importorskip("resource")
    first = write_split(tmp_path / "first.h5", features=np.ones((4, 2000), np.float32))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(UserError, match="cannot be written: File too large"):
            run(first, tmp_path / LAYOUTS[layout], to=layout)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / LAYOUTS[layout]).exists()
    assert run(first, tmp_path / LAYOUTS[layout], to=layout)[0].whole


def test_what_a_kill_left_is_no_hindrance_and_two_at_once_are_refused(tmp_path: Path) -> None:
    first = write_split(tmp_path / "first.h5")
    (tmp_path / ".out.h5.aside").write_bytes(b"half")
    folder = tmp_path / ".loose.aside"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/half.npz").write_bytes(b"half")
    assert run(first, tmp_path / "out.h5")[0].whole
    assert run(first, tmp_path / "loose", to="npz")[0].whole
    assert sorted(os.listdir(tmp_path / "loose")) == [
        *(f"{name}.npz" for name in IDS),
        "about.json",
    ]
    with opened(first) as source:
        plan = module._plan(source, module.Wish(first, tmp_path / "a.tar"), "tar", print)
    with (
        module.writer("tar", tmp_path / "a.tar", plan),
        pytest.raises(UserError, match="Another process is writing"),
    ):
        run(first, tmp_path / "a.tar")


def test_ids_of_files_become_those_of_published_features(tmp_path: Path) -> None:
    run(write_grids(tmp_path / "made"), tmp_path / "0")
    names = [f"train/{name}.jpg" for name in IDS]
    run(write_split(tmp_path / "first.h5"), tmp_path / "loose", to="npz")
    (tmp_path / "loose/train").mkdir()
    for name in IDS:
        (tmp_path / f"loose/{name}.npz").rename(tmp_path / f"loose/train/{name}.jpg.npz")
    run(tmp_path / "loose", tmp_path / "feats")
    assert FeatureStore(tmp_path / "feats").ids == names
    with pytest.raises(UserError, match=r'"train/COCO.*\.jpg" cannot name a picture in an h5'):
        run(tmp_path / "feats", tmp_path / "out.h5")
    run(tmp_path / "feats", tmp_path / "out.h5", ids="stem")
    assert list(read(tmp_path / "out.h5")) == IDS
    (tmp_path / "loose/valid").mkdir()
    shutil.copy(tmp_path / f"loose/train/{IDS[0]}.jpg.npz", tmp_path / f"loose/valid/{IDS[0]}.npz")
    with pytest.raises(UserError, match=rf'are both "{IDS[0]}" without folder and ending'):
        run(tmp_path / "loose", tmp_path / "two.h5", ids="stem")


def test_a_store_takes_as_many_boxes_as_each_picture_has(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "boxes_GT.h5", "w") as file:
        for number, many in enumerate((2, 7, 3)):
            for key, value in boxes(number, many).items():
                file[f"{number}/{key}"] = value
            file[f"{number}/captions"] = [b"a red dog"] * many
            file[f"{number}/cls_prob"] = np.zeros((many, 3))
    found, _ = run(tmp_path / "boxes_GT.h5", tmp_path / "feats")
    assert set(found.left) == {"captions", "cls_prob"}
    store = FeatureStore(tmp_path / "feats")
    assert (store.index.tokens, store.index.rows) == (7, 12)
    assert [len(store.read(str(number))) for number in range(3)] == [2, 7, 3]
    found, _ = run(tmp_path / "boxes_GT.h5", tmp_path / "a.tar")
    assert found.left == ("captions",)


def test_grids_of_several_sizes_have_no_place_in_a_store(tmp_path: Path) -> None:
    folder = write_grids(tmp_path / "made")
    with h5py.File(folder / f"{IDS[3]}.h5", "w") as file:
        file[f"{IDS[3]}/features"] = np.ones((36, 6), np.float32)
    with pytest.raises(UserError, match="features of 36 tokens, and others have 49"):
        run(folder, tmp_path / "feats")
    with h5py.File(folder / f"{IDS[3]}.h5", "w") as file:
        file[f"{IDS[3]}/features"] = np.ones((49, 7), np.float32)
    with pytest.raises(UserError, match="features of width 7, and others have 6"):
        run(folder, tmp_path / "a.tar")


@pytest.mark.parametrize(
    ("out", "more", "words"),
    [
        ("feats.h5", {"to": "tar"}, r"which ends in .tar"),
        ("feats.tar", {"to": "npz"}, "which is a folder, without such an ending"),
        ("feats.h5", {"dtype": "bfloat16"}, "cannot hold bfloat16"),
        ("first.h5", {}, "exists. Name another place"),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_sentence(
    tmp_path: Path, out: str, more: dict[str, str], words: str
) -> None:
    first = write_split(tmp_path / "first.h5")
    before = first.read_bytes()
    with pytest.raises(UserError, match=words):
        run(first, tmp_path / out, **more)
    assert os.listdir(tmp_path) == ["first.h5"]
    assert first.read_bytes() == before


def test_records_are_read_one_by_one(tmp_path: Path) -> None:
    """A million pictures need no more memory than a few: nothing keeps the last one."""
    import tracemalloc

    first = tmp_path / "first.h5"
    with h5py.File(first, "w") as file:
        for number in range(40):
            file[f"{number}/features"] = np.ones((100, 1000), np.float32)
    tracemalloc.start()
    try:
        run(first, tmp_path / "a.tar")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 12 * 400_000  # of 40 records
    with opened(tmp_path / "a.tar") as held:
        assert len(records(held)) == 40
