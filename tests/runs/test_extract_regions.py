"""Features of regions: boxes of a file, or those that a detector finds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vlcli.data.store import FeatureStore, StoredReader
from vlcli.runs.extract import Extracted, extract
from vlcli.runs.extractor import Wish
from vlcli.spec.problem import UserError

DETECTOR = "torchvision:fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(4):
        rough = draw.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(rough).resize((80, 60)).save(folder / f"{number}.png")
    return folder


def run(source: Path, out: Path, **more: Any) -> tuple[Extracted, str]:
    """What came of it, and what was said."""
    said: list[str] = []
    wish = Wish(source, out, "timm:test_resnet", random=True, size=64, batch_size=3, device="cpu")
    wish = wish._replace(dtype="float32", **more)
    return extract(wish, said.append, lambda done, total: None), "\n".join(said)


def records(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


BOXES = {
    "0.png": [[8, 6, 40, 54], [0, 0, 80, 60]],
    "1.png": [[70, 50, 80, 60]],
    "2.png": [[0, 0, 40, 30], [40, 30, 80, 60], [10, 10, 20, 20]],
    "3.png": [[3, 3, 4, 4]],
}


def test_a_region_has_the_mean_of_the_grid_within_its_box(pictures: Path, tmp_path: Path) -> None:
    rows = [{"image": n, "boxes": b, "width": 80, "height": 60} for n, b in BOXES.items()]
    file = records(tmp_path / "boxes.jsonl", [*rows, rows[1]])
    found, said = run(pictures, tmp_path / "regions", boxes=file)
    assert (found.records, found.bad) == (4, {})
    assert said.startswith("4 pictures, up to 36 x 96 float32 features each")
    run(pictures, tmp_path / "grid")
    stored, grid = (StoredReader(tmp_path / name) for name in ("regions", "grid"))
    for name, boxes in BOXES.items():
        shares = [tuple(np.array(box) / [80, 60, 80, 60]) for box in boxes]
        wanted, seen = grid.read_regions(name, shares), stored.read(name)
        torch.testing.assert_close(seen.features, wanted.features, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(seen.boxes, wanted.boxes.float())
        assert stored.store.regions(name)[1:3] == (80, 60)
    assert stored.store.index.grid is None
    assert stored.store.index.columns == ("boxes",)
    assert list(stored.store.damaged()) == []
    assert run(pictures, tmp_path / "regions", boxes=file)[0].new == 0
    records(file, rows[:3])
    with pytest.raises(UserError, match="holds other features: regions_sha256"):
        run(pictures, tmp_path / "regions", boxes=file)


def test_boxes_may_be_shares_and_the_first_ones_are_kept(pictures: Path, tmp_path: Path) -> None:
    rows = [{"image": name, "boxes": [[0, 0, 1, 0.5], [0, 0, 1, 1]]} for name in BOXES]
    found, said = run(
        pictures,
        tmp_path / "regions",
        boxes=records(tmp_path / "boxes.jsonl", rows),
        boxes_per_picture=1,
    )
    held = FeatureStore(tmp_path / "regions")
    assert held.regions("2.png").boxes.tolist() == [[0, 0, 1, 0.5]]
    assert held.regions("2.png")[1:3] == (80, 60)
    assert (held.index.tokens, found.records) == (1, 4)
    assert "4 pictures have more boxes than --boxes-per-picture 1: the first ones" in said


def test_what_boxes_show_is_said_in_words(pictures: Path, tmp_path: Path) -> None:
    rows = [
        {"image": name, "boxes": boxes, "width": 80, "height": 60, "names": ["Dog", "cat", "hat"]}
        for name, boxes in BOXES.items()
    ]
    for row in rows:
        row["names"] = row["names"][: len(row["boxes"])]
    file = records(tmp_path / "boxes.jsonl", rows)
    run(pictures, tmp_path / "regions", boxes=file)
    reader = StoredReader(tmp_path / "regions", named=True)
    assert reader.store.objects == ("cat", "dog", "hat")
    assert reader.read("2.png").names == ("dog", "cat", "hat")
    (tmp_path / "names.txt").write_text("hat,cap\ndog\n")
    with pytest.raises(UserError, match=r'"cat" is not in the --names file'):
        run(pictures, tmp_path / "other", boxes=file, names=tmp_path / "names.txt")
    (tmp_path / "names.txt").write_text("hat,cap\ndog\ncat\n")
    run(pictures, tmp_path / "other", boxes=file, names=tmp_path / "names.txt")
    other = StoredReader(tmp_path / "other", named=True)
    assert other.store.regions("2.png").obj_id.tolist() == [1, 2, 0]  # type: ignore[union-attr]
    assert other.read("2.png").names == ("dog", "cat", "hat")


def test_a_picture_without_boxes_is_bad(pictures: Path, tmp_path: Path) -> None:
    rows = [{"image": f"x/{name}", "boxes": [[0, 0, 1, 1]]} for name in ("0.png", "1.png")]
    rows += [{"image": "2.png", "boxes": [[0, 0, 1, 1]]}]
    file = records(tmp_path / "boxes.jsonl", rows)
    with pytest.raises(UserError, match=r"boxes\.jsonl has no boxes of the picture 0\.png\. Mend"):
        run(pictures, tmp_path / "regions", boxes=file)
    found, _ = run(pictures, tmp_path / "regions", boxes=file, on_bad="skip")
    assert (found.records, sorted(found.bad)) == (1, ["0.png", "1.png", "3.png"])
    assert found.bad_file == tmp_path / "regions" / "bad.jsonl"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"boxes": [[0, 0, 90, 60]], "width": 80, "height": 60}, "is not x1, y1, x2, y2 inside"),
        ({"boxes": [[0, 0, 40, 60]], "width": 80}, 'only one of "width" and "height"'),
        ({"boxes": [[0, 0, 1, 1]], "names": ["a", "b"]}, "it has 1 boxes and 2 names"),
        ({"text": "no box"}, 'has no record with "boxes"'),
    ],
)
def test_wrong_boxes_are_told_with_their_file(
    pictures: Path, tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    file = records(tmp_path / "boxes.jsonl", [{"image": "0.png", "id": "first", **row}])
    with pytest.raises(UserError, match=said):
        run(pictures, tmp_path / "regions", boxes=file)


def test_a_detector_finds_the_regions(pictures: Path, tmp_path: Path) -> None:
    more = {"detector": DETECTOR, "detector_random": True, "min_score": 0.0}
    found, _ = run(pictures, tmp_path / "regions", boxes_per_picture=5, **more)
    held = FeatureStore(tmp_path / "regions")
    assert found.records == 4
    assert held.index.columns == ("boxes", "obj_id", "obj_conf")
    assert held.index.encoder["detector"] == DETECTOR
    for name in held:
        known = held.regions(name)
        assert known.boxes.shape == (5, 4)
        assert held.read(name).shape == (5, 96)
        assert known.obj_conf is not None
        assert (np.diff(known.obj_conf) <= 0).all()
        assert known.attr_id is None
        assert (known.wide, known.high) == (80, 60)
    run(pictures, tmp_path / "again", boxes_per_picture=5, **more)
    again = FeatureStore(tmp_path / "again")
    assert all(np.array_equal(again.read(name), held.read(name)) for name in held)
    (tmp_path / "names.txt").write_text("thing\n")
    with pytest.raises(UserError, match=r"found a thing of number \d+, and --names has only 1"):
        run(pictures, tmp_path / "named", names=tmp_path / "names.txt", **more)


def test_where_nothing_is_found_the_whole_picture_is_the_region(
    pictures: Path, tmp_path: Path
) -> None:
    run(pictures, tmp_path / "regions", detector=DETECTOR, detector_random=True, min_score=1.0)
    run(pictures, tmp_path / "grid")
    held, grid = FeatureStore(tmp_path / "regions"), FeatureStore(tmp_path / "grid")
    for name in held:
        known = held.regions(name)
        assert known.boxes.tolist() == [[0, 0, 1, 1]]
        assert (known.obj_id.tolist(), known.obj_conf.tolist()) == ([0], [0])  # type: ignore[union-attr]
        assert held.read(name)[0] == pytest.approx(grid.read(name).mean(0), rel=1e-4, abs=1e-6)
