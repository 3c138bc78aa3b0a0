"""Extraction into the published HDF5 layouts, which their own readers read back equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from vlcli.data.hdf5 import BoxReader, GridReader
from vlcli.data.layouts.opening import opened
from vlcli.data.shown import tags
from vlcli.data.store import StoredReader
from vlcli.runs.extract import Extracted, extract
from vlcli.runs.extractor import Wish
from vlcli.runs.published_layouts import meanwhile
from vlcli.spec.problem import UserError

IDS = [f"COCO_val2014_{number:012}" for number in (42, 73, 74)]
DETECTOR = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures" / "val2014"
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in IDS:
        rough = draw.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(rough).resize((80, 60)).save(folder / f"{name}.jpg")
    return tmp_path / "pictures"


def run(source: Path, out: Path, encoder: str, **more: Any) -> tuple[Extracted, str]:
    said: list[str] = []
    wish = Wish(source, out, encoder, random=True, batch_size=2, device="cpu", dtype="float32")
    found = extract(wish._replace(**more), said.append, lambda done, total: None)
    return found, "\n".join(said)


def test_regions_are_read_back_by_the_reader_of_butd(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    out = root / "COCO" / "features" / "val2014_obj36.h5"
    asked = {"size": 64, "detector": DETECTOR, "detector_random": True, "min_score": 0.0}
    encoder = "torchvision:resnet50"
    found, said = run(pictures, out, encoder, layout="h5-split", **asked)
    assert (found.whole, found.records, found.out) == (True, 3, out)
    assert "a feature store becomes one h5" in said
    assert not meanwhile(out).exists()
    run(pictures, tmp_path / "store", encoder, **asked)
    (root / "VG").mkdir()
    words = [f"thing {number}" for number in range(91)]
    (root / "VG" / "objects_vocab.txt").write_text("\n".join(words))
    published, stored = BoxReader(root, named=True), StoredReader(tmp_path / "store")
    for name in IDS:
        seen, wanted = published.read(name), stored.read(f"{name}.jpg")
        assert seen.features.equal(wanted.features)
        torch.testing.assert_close(seen.boxes, wanted.boxes, rtol=0, atol=1e-6)
        numbers = stored.store.regions(f"val2014/{name}.jpg").obj_id
        assert numbers is not None
        assert tags(seen.names) == list(dict.fromkeys(words[number] for number in numbers))
    with h5py.File(out) as file:
        assert (file[IDS[0]]["img_w"][()], file[IDS[0]]["img_h"][()]) == (80, 60)
        assert file[IDS[0]]["features"].dtype == np.float32
        assert set(file[IDS[0]]) == {"features", "boxes", "img_w", "img_h", "obj_id", "obj_conf"}
    again, _ = run(pictures, out, encoder, layout="h5-split", **asked)
    assert (again.new, again.records) == (0, 3)
    with pytest.raises(UserError, match="holds other features"):
        run(pictures, out, encoder, layout="h5-split", **{**asked, "min_score": 0.001})


def test_grids_are_read_back_by_the_reader_of_clip(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "data" / "COCO" / "clip_features"
    found, _ = run(pictures, out, "open_clip:RN50", layout="h5-grid")
    assert found.out == out / "data_clip_RN50_att"
    assert sorted(path.stem for path in found.out.glob("*.h5")) == IDS
    run(pictures, tmp_path / "store", "open_clip:RN50")
    published, stored = GridReader(tmp_path / "data", "RN50"), StoredReader(tmp_path / "store")
    for name in IDS:
        assert published.read(name).features.equal(stored.read(f"{name}.jpg").features)
    with opened(found.out) as held:
        assert held.about.encoder["encoder"] == "open_clip:RN50"


def test_what_was_stopped_or_is_bad_is_told_as_for_a_store(pictures: Path, tmp_path: Path) -> None:
    out, bad = tmp_path / "grids", pictures / "val2014" / f"{IDS[1]}.jpg"
    bad.write_text("no picture")
    asked = {"layout": "h5-grid", "size": 64, "batch_size": 1}
    with pytest.raises(UserError, match="is not a picture that can be read"):
        run(pictures, out, "timm:test_resnet", **asked)
    found, said = run(pictures, out, "timm:test_resnet", on_bad="skip", **asked)
    assert "1 of them were extracted before." in said
    assert "No feature_type reads 4 x 96 features of test_resnet from there" in said
    assert (found.records, list(found.bad)) == (2, [f"val2014/{IDS[1]}.jpg"])
    assert found.bad_file == out / "data_clip_test_resnet_att.bad.jsonl"
    (row,) = map(json.loads, found.bad_file.read_text().splitlines())
    assert row["image"] == f"val2014/{IDS[1]}.jpg"
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("out", "more", "said"),
    [
        ("a.h5", {"layout": "h5-split"}, "is one of regions. Add --boxes FILE or --detector NAME"),
        ("a", {"layout": "h5-split", "detector": "x"}, "end it in .h5"),
        ("a36.h5", {"layout": "h5-split", "detector": "x", "boxes_per_picture": 10}, "36 boxes"),
        ("a", {"layout": "h5-grid", "detector": "x"}, "has no place for boxes"),
        ("a", {"layout": "h5-grid", "dtype": "bfloat16"}, "HDF5 cannot hold bfloat16"),
    ],
)
def test_what_a_layout_cannot_hold_is_told_before_anything_is_computed(
    tmp_path: Path, out: str, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        run(tmp_path / "no pictures", tmp_path / out, "timm:test_resnet", **more)
    assert caught.value.exit_code == 2


def test_pictures_of_one_name_are_told_before_anything_is_computed(
    pictures: Path, tmp_path: Path
) -> None:
    (pictures / f"{IDS[0]}.png").write_bytes(b"")
    with pytest.raises(UserError, match=f'are both "{IDS[0]}" without folder'):
        run(pictures, tmp_path / "grids", "timm:test_resnet", layout="h5-grid", size=64)
