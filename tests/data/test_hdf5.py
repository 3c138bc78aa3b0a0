"""Stored features in both published layouts, and a sentence for each way they can be wrong."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import torch

from vlcli.contracts import Visual
from vlcli.data.hdf5 import BoxReader, GridReader
from vlcli.spec.problem import UserError

SEEN, OTHER = "COCO_val2014_000000000042", "COCO_val2014_000000000073"
GENOME = "1592"
BOXES = np.tile(np.array([64, 0, 128, 48], np.float32), (36, 1))


def store_boxes(path: Path, names: list[str]) -> None:
    """As tsv_to_h5.py writes them: pictures of 128 x 96 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for number, name in enumerate(names):
            group = file.create_group(name)
            group["features"] = np.full((36, 2048), number, np.float32)
            group["boxes"], group["obj_id"] = BOXES, np.zeros(36, np.int64)
            group["img_w"], group["img_h"] = 128, 96


def store_grid(path: Path, name: str, shape: tuple[int, ...] = (49, 768)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[f"{name}/features"] = np.ones(shape, np.float16)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store_boxes(tmp_path / "COCO/features/val2014_obj36.h5", [SEEN, OTHER])
    store_boxes(tmp_path / "VG/features/vg_gqa_obj36.h5", [GENOME])
    for source, name in (("COCO", SEEN), ("COCO", OTHER), ("VG", GENOME)):
        store_grid(tmp_path / f"{source}/clip_features/data_clip_ViT_att/{name}.h5", name)
    return tmp_path


def test_boxes_are_shares_of_the_picture(root: Path) -> None:
    features, boxes, _ = BoxReader(root).read(OTHER)
    assert (features.shape, features.dtype) == ((36, 2048), torch.float32)
    assert features.unique().tolist() == [1]
    assert boxes[0].tolist() == [0.5, 0, 1, 0.5]
    assert BoxReader(root).read(GENOME).features.shape == (36, 2048)
    first = BoxReader(root, n_boxes=20).read(SEEN)
    assert (first.features.shape, first.boxes.shape) == ((20, 2048), (20, 4))


def test_a_grid_has_boxes_of_zero(root: Path) -> None:
    for name in (SEEN, GENOME):
        features, boxes, _ = GridReader(root, "ViT").read(name)
        assert (features.shape, features.dtype) == ((49, 768), torch.float32)
        assert torch.equal(boxes, torch.zeros(49, 4))


def test_what_is_whole_has_no_faults(root: Path) -> None:
    for reader in (BoxReader(root), GridReader(root, "ViT")):
        before = psutil.Process().num_fds()
        assert reader.faults([SEEN, OTHER, GENOME]) == {}
        assert psutil.Process().num_fds() == before


def test_missing_files_and_pictures_are_known_before_reading(root: Path) -> None:
    gone, part = "COCO_val2014_000000000001", "COCO_train2014_000000000001"
    faults = BoxReader(root).faults([SEEN, gone, part, "../../x"])
    assert list(faults) == ["../../x", gone, part]
    assert faults[gone] == f"{root}/COCO/features/val2014_obj36.h5 has no picture {gone}."
    assert "There is no file" in faults[part]
    assert "tsv_to_h5.py" in faults[part]
    (words,) = GridReader(root, "ViT").faults([SEEN, gone]).values()
    assert words.startswith(
        f"There is no file {root}/COCO/clip_features/data_clip_ViT_att/{gone}.h5"
    )
    assert "coco_CLIP.py" in words
    assert set(GridReader(root, "RN50").faults([SEEN, GENOME])) == {SEEN, GENOME}


def replace(group: Any, name: str, value: Any) -> None:
    del group[name]
    group[name] = value


def virtual(group: Any) -> None:
    layout = h5py.VirtualLayout((36, 2048), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "features", (36, 2048))
    del group["features"]
    group.create_virtual_dataset("features", layout)


def external(group: Any) -> None:
    del group["features"]
    group.create_dataset("features", (36, 2048), "f4", external="/etc/passwd")


def nan(group: Any) -> None:
    group["features"][3, 4] = np.nan


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "narrow": (
        lambda g: replace(g, "features", np.zeros((36, 1024), "f4")),
        "is 36 x 1024, not 36",
    ),
    "few": (lambda g: replace(g, "features", np.zeros((10, 2048), "f4")), "is 10 x 2048, not 36"),
    "few boxes": (lambda g: replace(g, "boxes", np.zeros((10, 4), "f4")), '"boxes" is 10 x 4'),
    "words": (lambda g: replace(g, "features", "words"), '"features" holds no numbers'),
    "none": (lambda g: g.pop("features"), 'there is no "features"'),
    "external link": (
        lambda g: replace(g, "features", h5py.ExternalLink("/etc/x.h5", "features")),
        '"features" is a link; links are refused',
    ),
    "soft link": (lambda g: replace(g, "features", h5py.SoftLink("/x")), "is a link"),
    "virtual": (virtual, "lies in other files; that is refused"),
    "external data": (external, "lies in other files; that is refused"),
}
UNREAD = {
    "nan": (nan, "not all features are finite"),
    "outside": (lambda g: replace(g, "boxes", BOXES * 3), "its boxes lie outside"),
    "no size": (lambda g: replace(g, "img_w", 0), "its boxes lie outside"),
}


@pytest.mark.parametrize("case", [*WRONG, *UNREAD])
def test_what_is_wrong_in_a_file_is_a_sentence(root: Path, case: str) -> None:
    spoil, words = {**WRONG, **UNREAD}[case]
    path = root / "COCO/features/val2014_obj36.h5"
    with h5py.File(path, "r+") as file:
        spoil(file[OTHER])
    reader = BoxReader(root)
    with pytest.raises(UserError, match=words) as raised:
        reader.read(OTHER)
    assert f"{path}, picture {OTHER}" in str(raised.value)
    assert reader.read(SEEN)
    faults = reader.faults([SEEN, OTHER])
    assert (faults == {OTHER: str(raised.value)}) == (case in WRONG)


def test_a_picture_that_is_a_link_is_refused(root: Path) -> None:
    with h5py.File(root / "COCO/features/val2014_obj36.h5", "r+") as file:
        replace(file, OTHER, h5py.ExternalLink("/etc/x.h5", "/"))
    (words,) = BoxReader(root).faults([SEEN, OTHER]).values()
    assert f'"{OTHER}" is a link' in words


def test_a_grid_of_the_wrong_width_is_known_before_reading(root: Path) -> None:
    path = root / f"COCO/clip_features/data_clip_ViT_att/{OTHER}.h5"
    store_grid(path, OTHER, (49, 512))
    faults = GridReader(root, "ViT").faults([SEEN, OTHER])
    assert faults == {OTHER: f'{path}, picture {OTHER}: "features" is 49 x 512, not 49 x 768.'}
    with h5py.File(path, "w"):
        pass
    assert GridReader(root, "ViT").faults([OTHER]) == {OTHER: f"{path} has no picture {OTHER}."}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_a_sentence(root: Path, share: float) -> None:
    boxes = root / "COCO/features/val2014_obj36.h5"
    grid = root / f"COCO/clip_features/data_clip_ViT_att/{SEEN}.h5"
    for path in (boxes, grid):
        os.truncate(path, int(share * path.stat().st_size))
    for reader, path in ((BoxReader(root), boxes), (GridReader(root, "ViT"), grid)):
        assert f"{path} cannot be read as HDF5" in reader.faults([SEEN])[SEEN]
        with pytest.raises(UserError, match="cannot be read as HDF5"):
            reader.read(SEEN)


def test_damage_within_a_file_is_a_sentence(root: Path) -> None:
    path = root / "COCO/features/val2014_obj36.h5"
    held = path.read_bytes()
    for at in range(0, 6000, 97):
        path.write_bytes(held[:at] + b"\xff\xfe\x00" + held[at + 3 :])
        reader = BoxReader(root)
        assert all(str(path) in words for words in reader.faults([SEEN, OTHER]).values())
        with suppress(UserError):  # any other error would fail the test
            assert isinstance(reader.read(SEEN), Visual)


def test_a_reader_opens_its_files_once_and_takes_none_along(root: Path) -> None:
    reader = BoxReader(root)
    before = psutil.Process().num_fds()
    for _ in range(3):
        reader.read(SEEN)
        reader.read(GENOME)
    assert psutil.Process().num_fds() == before + 2
    other = pickle.loads(pickle.dumps(reader))
    assert other._open == {}
    assert torch.equal(other.read(SEEN).boxes, reader.read(SEEN).boxes)
    grids = GridReader(root, "ViT")
    held = psutil.Process().num_fds()
    for name in (SEEN, OTHER, GENOME):
        pickle.loads(pickle.dumps(grids)).read(name)
    assert psutil.Process().num_fds() == held
