"""Pictures read as patches, and the sentences for those that cannot be read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlcli.data.visual import PatchReader, PictureArray, PictureFiles, pixels
from vlcli.spec.problem import UserError


def gradient(height: int = 64, width: int = 64) -> Image.Image:
    across = np.linspace(0, 255, width, dtype=np.uint8)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    bands = [np.broadcast_to(each, (height, width)) for each in (across, down, across)]
    return Image.fromarray(np.stack(bands, -1))


def test_a_patch_holds_the_pixels_of_its_box() -> None:
    reader = PatchReader(PictureFiles(), (32, 64), 16)
    picture = gradient(32, 64)
    features, boxes, *_ = reader.see(picture)
    assert features.shape == (8, 3 * 16 * 16)
    assert features.dtype == boxes.dtype == torch.float32
    whole = pixels(picture, (32, 64))
    for patch, (x1, y1, x2, y2) in zip(features, boxes.tolist(), strict=True):
        part = whole[:, int(y1 * 32) : int(y2 * 32), int(x1 * 64) : int(x2 * 64)]
        assert torch.equal(patch, part.flatten())


def test_boxes_tile_the_picture() -> None:
    boxes = PatchReader(PictureFiles(), (64, 64), 8).boxes
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    assert boxes.shape == (64, 4)
    assert area.sum() == pytest.approx(1)
    assert boxes.min() == 0
    assert boxes.max() == 1
    assert boxes[1].tolist() == [0.125, 0, 0.25, 0.125]  # row by row


def test_values_are_near_zero_and_one() -> None:
    features, *_ = PatchReader(PictureFiles(), (64, 64), 8).see(gradient())
    assert features.mean().abs() < 0.5
    assert 0.5 < features.std() < 2


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_files_bytes_and_pictures_agree(tmp_path: Path, suffix: str) -> None:
    gradient().save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as file:
        held = np.asarray(file.convert("RGB"))
    np.save(tmp_path / "all.npy", held[None])
    from_file = PatchReader(PictureFiles(tmp_path), (64, 64), 8).read(f"a.{suffix}")
    from_array = PatchReader(PictureArray(tmp_path / "all.npy"), (64, 64), 8).read("0")
    assert torch.equal(from_file.features, from_array.features)


def test_pictures_of_any_size_and_mode_become_those_asked_for(tmp_path: Path) -> None:
    gradient(50, 90).convert("L").save(tmp_path / "grey.png")
    gradient(50, 90).convert("RGBA").save(tmp_path / "clear.png")
    reader = PatchReader(PictureFiles(tmp_path), (32, 48), 16)
    for name in ("grey.png", "clear.png"):
        assert reader.read(name).features.shape == (6, 768)


def test_a_truncated_jpeg_is_a_sentence(tmp_path: Path) -> None:
    gradient(200, 200).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    with pytest.raises(UserError, match=r"cut\.jpg cannot be read"):
        PictureFiles(tmp_path).open("cut.jpg")


def test_a_truncated_png_is_a_sentence(tmp_path: Path) -> None:
    gradient(200, 200).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:-200])
    with pytest.raises(UserError, match=r"cut\.png cannot be read"):
        PictureFiles(tmp_path).open("cut.png")


def test_what_is_missing_or_no_picture_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("not a picture")
    with pytest.raises(UserError, match=r"no picture .*none\.png"):
        PictureFiles(tmp_path).open("none.png")
    with pytest.raises(UserError, match=r"words\.png is not a picture"):
        PictureFiles(tmp_path).open("words.png")


@pytest.mark.parametrize("name", ["gone.png", "x" * 300, "gone/" * 900 + "a.png"])
def test_what_is_no_file_is_known_before_it_is_read(tmp_path: Path, name: str) -> None:
    found = PictureFiles(tmp_path).faults([name])
    assert found == {name: f"There is no picture {tmp_path / name}."}


def test_a_picture_too_large_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradient(200, 200).save(tmp_path / "vast.png")
    for pixels_allowed in (30_000, 15_000):  # PIL warns of the one and refuses the other
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels_allowed)
        with pytest.raises(UserError, match=r"vast\.png is too large"):
            PictureFiles(tmp_path).open("vast.png")


def test_patches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match="64 x 60 does not divide into patches of 8"):
        PatchReader(PictureFiles(), (64, 60), 8)


def test_a_mapped_array_travels_as_its_path(tmp_path: Path) -> None:
    np.save(tmp_path / "all.npy", np.zeros((40, 64, 64, 3), np.uint8))
    pictures = PictureArray(tmp_path / "all.npy")
    pictures.open("3")
    packed = pickle.dumps(pictures)
    assert len(packed) < 1000
    assert pickle.loads(packed).open("39").shape == (64, 64, 3)
    with pytest.raises(UserError, match="no picture number 40"):
        pictures.open("40")
