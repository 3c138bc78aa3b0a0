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
from vlcli.data.shown import tags
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
    features, boxes, *_ = BoxReader(root).read(OTHER)
    assert (features.shape, features.dtype) == ((36, 2048), torch.float32)
    assert features.unique().tolist() == [1]
    assert boxes[0].tolist() == [0.5, 0, 1, 0.5]
    assert BoxReader(root).read(GENOME).features.shape == (36, 2048)
    first = BoxReader(root, n_boxes=20).read(SEEN)
    assert (first.features.shape, first.boxes.shape) == ((20, 2048), (20, 4))


def test_a_grid_has_boxes_of_zero(root: Path) -> None:
    for name in (SEEN, GENOME):
        features, boxes, *_ = GridReader(root, "ViT").read(name)
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


TESTDEV = "GQA/features/gqa_testdev_obj36.h5"
VCR = "VCR/features/val_boxes_GT.h5+val_boxes36.h5#val-0"


def store_some(path: Path, name: str, many: int, first: float = 0, **more: Any) -> None:
    """Boxes of any number, as the files of annotated ones have them, of a picture 128 x 96."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "a") as file:
        group = file.create_group(name)
        features = np.arange(first, first + many, dtype=np.float32)
        group["features"] = np.repeat(features[:, None], 2048, axis=1)
        group["boxes"] = np.tile(np.array([0, 0, 128, 48], np.float64), (many, 1))
        group["img_w"], group["img_h"] = 128, 96
        for key, value in more.items():
            group[key] = value


@pytest.fixture
def vcr(root: Path) -> Path:
    folder = root / "VCR/features"
    kinds = {"obj_id": [0, 1, 1], "attr_id": [0, 1, 0]}
    store_some(folder / "val_boxes_GT.h5", "val-0", 3, **kinds)
    many = {"obj_id": [1] * 36, "attr_id": [1] * 36}
    store_some(folder / "val_boxes36.h5", "val-0", 36, first=100, **many)
    return root


def vocabularies(root: Path) -> None:
    (root / "VG/objects_vocab.txt").write_text("Yolk\nfire hydrant,hydrant\n")
    (root / "VG/attributes_vocab.txt").write_text("gray,grey\nmulti colored,multicolored\n")


def test_a_reference_may_name_its_file(root: Path) -> None:
    store_boxes(root / TESTDEV, ["n1", "n2"])
    assert BoxReader(root).read(f"{TESTDEV}#n2").features.unique().tolist() == [1]
    grid = "nlvr/clip_features/data_clip_ViT_att/dev-0-img0.h5"
    store_grid(root / grid, "dev-0-img0")
    assert GridReader(root, "ViT").read(f"{grid}#dev-0-img0").features.shape == (49, 768)


def test_annotated_boxes_are_as_many_as_there_are(root: Path) -> None:
    path = "RefCOCO/refcocog/features/val_boxes_mattnet.h5"
    for name, many in (("42", 5), ("43", 60)):
        store_some(root / path, name, many)
    few, some = (BoxReader(root, n).read(f"{path}#42") for n in (36, 2))
    assert (few.features.shape, few.boxes.shape, some.boxes.shape) == ((5, 2048), (5, 4), (2, 4))
    assert few.boxes[0].tolist() == [0, 0, 1, 0.5]
    assert len(BoxReader(root).read(f"{path}#43").boxes) == 36
    assert BoxReader(root).faults([f"{path}#42", f"{path}#43"]) == {}


def test_regions_have_the_features_of_the_boxes_that_fit_best(root: Path) -> None:
    path = root / "COCO/features/val2014_obj36.h5"
    with h5py.File(path, "r+") as file:
        replace(file[SEEN], "features", np.arange(36, dtype=np.float32)[:, None].repeat(2048, 1))
        boxes = BOXES.copy()
        boxes[7] = [0, 0, 64, 96]
        replace(file[SEEN], "boxes", boxes)
    regions = [(0.0, 0.1, 0.5, 1.0), (0.5, 0.0, 1.0, 0.4)]
    features, seen, *_ = BoxReader(root).read_regions(SEEN, regions)
    assert features[:, 0].tolist() == [7, 0]
    assert torch.equal(seen, torch.tensor(regions))


def test_regions_of_a_grid_are_means_of_its_cells(root: Path) -> None:
    path = root / f"COCO/clip_features/data_clip_ViT_att/{SEEN}.h5"
    with h5py.File(path, "r+") as file:
        values = np.arange(49, dtype=np.float32)[:, None].repeat(768, 1)
        replace(file[SEEN], "features", values)
    regions = [(0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 2 / 7, 1 / 7), (6 / 7, 6 / 7, 1.0, 1.0)]
    features = GridReader(root, "ViT").read_regions(SEEN, regions).features
    assert features[:, 5].tolist() == pytest.approx([24, 0.5, 48], abs=1e-4)


def test_detected_boxes_fill_up_the_annotated_ones(vcr: Path) -> None:
    reader = BoxReader(vcr)
    features, boxes, names, _ = reader.read(VCR)
    assert (features.shape, boxes.shape, names) == ((36, 2048), (36, 4), ())
    assert features[:5, 0].tolist() == [0, 1, 2, 100, 101]
    assert BoxReader(vcr, n_boxes=2).read(VCR).features[:, 0].tolist() == [0, 1]
    assert reader.faults([VCR]) == {}


def test_what_boxes_show_is_read_on_request(vcr: Path) -> None:
    reader = BoxReader(vcr, named=True)
    assert reader.read(VCR).names == ()
    assert "objects_vocab.txt" in reader.no_words()
    vocabularies(vcr)
    reader = BoxReader(vcr, named=True)
    assert reader.no_words() == ""
    names = reader.read(VCR).names
    assert len(names) == 36
    assert names[:3] == ("gray yolk", "multi colored fire hydrant", "gray fire hydrant")
    assert tags(names) == ["yolk", "fire hydrant"]
    assert len(BoxReader(vcr, n_boxes=2, named=True).read(VCR).names) == 2
    assert pickle.loads(pickle.dumps(names)) == names


def test_names_cost_nothing_when_nobody_asks(vcr: Path) -> None:
    vocabularies(vcr)
    with h5py.File(vcr / "VCR/features/val_boxes_GT.h5", "r+") as file:
        replace(file["val-0"], "obj_id", "words")
    reader = BoxReader(vcr)
    assert reader.read(VCR).names == ()
    assert reader._words._read == {}
    with pytest.raises(UserError, match='"obj_id" holds no numbers'):
        BoxReader(vcr, named=True).read(VCR)


def test_names_are_objects_alone_where_there_are_no_attributes(vcr: Path) -> None:
    vocabularies(vcr)
    (vcr / "VG/attributes_vocab.txt").unlink()
    assert BoxReader(vcr, named=True).read(VCR).names[:2] == ("yolk", "fire hydrant")
    assert len(BoxReader(vcr, named=True).read(SEEN).names) == 36
    with h5py.File(vcr / "VCR/features/val_boxes36.h5", "r+") as file:
        del file["val-0/obj_id"]
    assert BoxReader(vcr, named=True).read(VCR).names == ()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([0, 2, 0], r'"obj_id" names a word beyond the 2 of .*objects_vocab\.txt'),
        ([-1, 0, 0], '"obj_id" names a word beyond'),
        ([0, 0], '"obj_id" must hold a whole number a box'),
        ([0.5, 0, 0], '"obj_id" must hold a whole number a box'),
        ([[0], [0], [0]], '"obj_id" is 3 x 1, not any number'),
    ],
)
def test_wrong_numbers_of_words_are_a_sentence(vcr: Path, numbers: Any, words: str) -> None:
    vocabularies(vcr)
    with h5py.File(vcr / "VCR/features/val_boxes_GT.h5", "r+") as file:
        replace(file["val-0"], "obj_id", numbers)
    with pytest.raises(UserError, match=f"val_boxes_GT.h5, picture val-0: {words}"):
        BoxReader(vcr, named=True).read(VCR)


def test_a_vocabulary_that_is_no_text_is_a_sentence(vcr: Path) -> None:
    vocabularies(vcr)
    (vcr / "VG/objects_vocab.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(UserError, match=r"objects_vocab\.txt cannot be read as text"):
        BoxReader(vcr, named=True).read(VCR)


def test_a_missing_part_of_two_files_is_known_before_reading(vcr: Path) -> None:
    other = VCR.replace("val-0", "val-9")
    gone = VCR.replace("val_boxes36", "none36")
    faults = BoxReader(vcr).faults([VCR, other, gone])
    assert faults[other] == f"{vcr}/VCR/features/val_boxes_GT.h5 has no picture val-9."
    assert faults[gone].startswith(f"There is no file {vcr}/VCR/features/none36.h5")
    assert faults[gone].endswith(f"or set data_root (now {vcr}) to the folder that holds the data.")
    assert VCR not in faults


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda g: replace(g, "boxes", np.zeros((2, 4))), "it has 2 boxes and features of 3"),
        (lambda g: replace(g, "boxes", np.zeros((3, 5))), '"boxes" is 3 x 5, not any number x 4'),
        (lambda g: replace(g, "boxes", np.full((3, 4), 129.0)), "its boxes lie outside"),
        (lambda g: replace(g, "boxes", np.full((3, 4), -1.0)), "its boxes lie outside"),
        (
            lambda g: (
                replace(g, "boxes", np.zeros((0, 4))),
                replace(g, "features", np.zeros((0, 2048))),
            ),
            "it has 0 boxes",
        ),
    ],
)
def test_bad_annotated_boxes_are_a_sentence(
    vcr: Path, spoil: Callable[[Any], None], words: str
) -> None:
    with h5py.File(vcr / "VCR/features/val_boxes_GT.h5", "r+") as file:
        spoil(file["val-0"])
    with pytest.raises(UserError, match=f"val_boxes_GT.h5, picture val-0: {words}"):
        BoxReader(vcr).read(VCR)


def test_thirty_six_in_the_name_of_a_file_is_a_promise(vcr: Path) -> None:
    store_some(vcr / "VCR/features/val_boxes36.h5", "val-1", 35)
    with pytest.raises(UserError, match="is 35 x 2048, not 36 x 2048"):
        BoxReader(vcr).read("VCR/features/val_boxes36.h5#val-1")


@pytest.mark.parametrize(
    "reference",
    ["../x.h5#1", "/etc/x.h5#1", "a/../../x.h5#1", "#1", "x.h5#", "x.h5#a/b", "d/x.h5+..#1",
     "x.h5+#1", "a\\b.h5#1", "", ".", "a/b"],
)  # fmt: skip
def test_a_reference_that_leads_out_is_refused(root: Path, reference: str) -> None:
    for reader in (BoxReader(root), GridReader(root, "ViT")):
        wanted = f'"{reference}" is no name of a picture in feature files.'
        assert reader.faults([reference, SEEN]) == {reference: wanted}
        with pytest.raises(UserError, match="is no name of a picture"):
            reader.read(reference)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_that_a_reference_names_is_a_sentence(vcr: Path, share: float) -> None:
    path = vcr / "VCR/features/val_boxes36.h5"
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(UserError, match=f"{path} cannot be read as HDF5"):
        BoxReader(vcr).read(VCR)
    assert f"{path} cannot be read as HDF5" in BoxReader(vcr).faults([VCR])[VCR]
