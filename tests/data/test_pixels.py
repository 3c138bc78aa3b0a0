"""Pictures as bytes: what a tower is given is what features are extracted from."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlcli.data import shapes
from vlcli.data.pixels import KeptReader, PixelReader
from vlcli.data.published import PublishedPictures
from vlcli.data.store_writer import StoreWriter
from vlcli.data.tars import PictureTar
from vlcli.data.visual import PictureArray, PictureFiles, grid_boxes
from vlcli.runs.extractor import see
from vlcli.spec.encoders import RANDOM
from vlcli.spec.problem import UserError
from vlcli.towers.build import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    return tmp_path


@pytest.mark.parametrize("encoder", ["timm:test_resnet", "timm:test_vit4"])
def test_bytes_are_those_that_features_are_extracted_from(folder: Path, encoder: str) -> None:
    tower = build(encoder, RANDOM, 64)
    reader = PixelReader(PictureFiles(folder), (64, 64), tower.look.interpolation)
    seen = reader.read("noise.png")
    assert (seen.features.shape, seen.boxes.shape) == ((0, 0), (0, 4))
    assert seen.pixels is not None
    assert seen.pixels.dtype == torch.uint8
    assert np.array_equal(seen.pixels.numpy(), see(PictureFiles(folder).open("noise.png"), tower))


def test_the_interpolation_is_the_one_asked_for(folder: Path) -> None:
    pixels = [
        PixelReader(PictureFiles(folder), (20, 20), method).read("noise.png").pixels
        for method in ("bicubic", "bilinear")
    ]
    assert not torch.equal(*pixels)  # type: ignore[arg-type]


def test_regions_are_boxes_of_the_whole_picture(folder: Path) -> None:
    reader = PixelReader(PictureFiles(folder), (20, 30))
    boxes = [(0.0, 0.0, 0.5, 1.0), (0.25, 0.5, 1.0, 1.0)]
    seen = reader.read_regions("noise.png", boxes)
    assert seen.boxes.tolist() == [list(box) for box in boxes]
    assert seen.pixels is not None
    assert seen.pixels.shape == (20, 30, 3)
    assert seen.pixels.equal(reader.read("noise.png").pixels)  # type: ignore[arg-type]


def test_files_tars_and_arrays_agree_and_nobody_writes_to_them(folder: Path) -> None:
    held = np.asarray(Image.open(folder / "noise.png"))
    np.save(folder / "all.npy", held[None])
    with tarfile.open(folder / "all.tar", "w") as tar:
        raw = (folder / "noise.png").read_bytes()
        info = tarfile.TarInfo("noise.png")
        info.size = len(raw)
        tar.addfile(info, io.BytesIO(raw))
    held_in = (
        (PictureFiles(folder), "noise.png"),
        (PictureTar(folder / "all.tar"), "noise.png"),
        (PictureArray(folder / "all.npy"), "0"),
    )
    for size in ((40, 50), (24, 24)):
        seen = [PixelReader(pictures, size).read(name).pixels for pictures, name in held_in]
        assert seen[0].equal(seen[1])  # type: ignore[union-attr, arg-type]
        assert seen[0].equal(seen[2])  # type: ignore[union-attr, arg-type]
        seen[2].zero_()  # type: ignore[union-attr]
    assert np.array_equal(np.load(folder / "all.npy")[0], held)


def test_marks_tell_pictures_apart_and_from_what_they_were(folder: Path) -> None:
    path = folder / "noise.png"
    first = PictureFiles(folder).mark("noise.png")
    assert first == PublishedPictures().mark(str(path))
    assert first[:2] == (str(path), path.stat().st_size)
    os.utime(path, ns=(0, 1))
    assert PictureFiles(folder).mark("noise.png") == first._replace(changed=1)
    assert PictureFiles(folder).mark("gone.png").size == -1
    tar, array, row = (folder / name for name in ("all.tar", "all.npy", "cifar-10-batches-py/a"))
    with tarfile.open(tar, "w") as held:
        held.add(path, "./noise.png")
    assert PictureTar(tar).mark("noise.png")[:2] == (f"{tar}#noise.png", path.stat().st_size)
    np.save(array, np.zeros((2, 4, 4, 3), np.uint8))
    row.parent.mkdir()
    row.write_bytes(b"")
    for pictures, one, other in (
        (PictureArray(array), "0", "1"),
        (PublishedPictures(), f"{row}#1", f"{row}#2"),
        (shapes.load(pictures={"train": 2}, cache=folder).pictures, "0", "1"),
    ):
        marks = [pictures.mark(each) for each in (one, other)]  # type: ignore[attr-defined]
        assert marks[0] != marks[1]
        assert min(mark.size for mark in marks) >= 0


def test_kept_cells_have_boxes_as_the_tower_places_them(folder: Path) -> None:
    facts = {"tokens": 4, "width": 3, "dtype": "float32", "grid": [2, 2], "encoder": {}}
    with StoreWriter(folder / "store", facts, {"a": 1}) as writer:
        writer.add(["a"], np.arange(12, dtype=np.float32).reshape(1, 4, 3))
        writer.finish("a test", {})
    placed, not_placed = (
        KeptReader(folder / "store", PictureFiles(folder), each) for each in (True, False)
    )
    assert placed.read("a").boxes.equal(grid_boxes(2, 2))
    assert not_placed.read("a").boxes.equal(torch.zeros(4, 4))
    assert placed.read("a").features.equal(not_placed.read("a").features)
    for reader in (placed, not_placed):
        seen = reader.read_regions("a", [(0.5, 0.5, 1.0, 1.0)])
        assert seen.features.tolist() == [[9, 10, 11]]
        assert seen.boxes.tolist() == [[0.5, 0.5, 1, 1]]


def test_what_cannot_be_read_is_a_sentence_and_a_reader_travels(folder: Path) -> None:
    (folder / "words.png").write_text("no picture")
    reader = pickle.loads(pickle.dumps(PixelReader(PictureFiles(folder), (8, 8))))
    assert "There is no picture" in reader.faults(["noise.png", "gone.png"])["gone.png"]
    with pytest.raises(UserError, match="is not a picture that can be read"):
        reader.read("words.png")
