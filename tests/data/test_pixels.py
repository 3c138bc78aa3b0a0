"""Pictures as bytes: what a tower is given is what features are extracted from."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlcli.data.pixels import PixelReader
from vlcli.data.tars import PictureTar
from vlcli.data.visual import PictureArray, PictureFiles
from vlcli.runs.extract import see
from vlcli.spec.problem import UserError
from vlcli.towers.build import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    return tmp_path


@pytest.mark.parametrize("encoder", ["timm:test_resnet", "timm:test_vit4"])
def test_bytes_are_those_that_features_are_extracted_from(folder: Path, encoder: str) -> None:
    tower = build(encoder, pretrained=False, size=64)
    reader = PixelReader(PictureFiles(folder), (64, 64), tower.look.interpolation)
    seen = reader.read("noise.png")
    assert (seen.features.shape, seen.boxes.shape) == ((0, 0), (0, 4))
    assert seen.pixels is not None
    assert seen.pixels.dtype == torch.uint8
    assert np.array_equal(seen.pixels.numpy(), see(PictureFiles(folder), "noise.png", tower))


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


def test_what_cannot_be_read_is_a_sentence_and_a_reader_travels(folder: Path) -> None:
    (folder / "words.png").write_text("no picture")
    reader = pickle.loads(pickle.dumps(PixelReader(PictureFiles(folder), (8, 8))))
    assert "There is no picture" in reader.faults(["noise.png", "gone.png"])["gone.png"]
    with pytest.raises(UserError, match="is not a picture that can be read"):
        reader.read("words.png")
