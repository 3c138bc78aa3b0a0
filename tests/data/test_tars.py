"""Pictures out of a tar: as from files, without unpacking, and nothing but plain files."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
from pathlib import Path

import psutil
import pytest
import torch
from PIL import Image

from vlcli.data.tars import PictureTar
from vlcli.data.visual import PatchReader, PictureFiles
from vlcli.spec.problem import UserError


def drawn(colour: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(held, "png")
    return held.getvalue()


def pack(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as held:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                held.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            held.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    folder = tarfile.TarInfo("deep")
    folder.type = tarfile.DIRTYPE
    names = {"deep/": folder, "./deep/red.png": drawn("red"), "blue.png": drawn("blue")}
    return pack(
        tmp_path / "all.tar", {**names, "words.png": b"no picture", f"{'l' * 200}.png": b""}
    )


def test_a_member_is_read_as_the_file_is(tar: Path, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(drawn("red"))
    from_tar = PatchReader(PictureTar(tar), (16, 16), 8)
    from_file = PatchReader(PictureFiles(tmp_path), (16, 16), 8)
    for name in ("deep/red.png", "./deep/red.png"):
        assert torch.equal(from_tar.read(name).features, from_file.read("red.png").features)
    assert not torch.equal(from_tar.read("blue.png").features, from_file.read("red.png").features)


def test_names_that_are_not_there_are_known_before_reading(tar: Path) -> None:
    held = PictureTar(tar)
    faults = held.faults(["blue.png", "green.png", "deep"])
    assert list(faults) == ["green.png", "deep"]
    assert faults["green.png"] == (
        f"There is no picture green.png in {tar}; its names look like deep/red.png."
    )
    with pytest.raises(UserError, match=r"no picture green\.png"):
        held.open("green.png")
    with pytest.raises(UserError, match=r"words\.png in .*all\.tar is not a picture"):
        held.open("words.png")


def test_one_file_is_open_per_process_and_none_travels(tar: Path) -> None:
    held = PictureTar(tar)
    before = psutil.Process().num_fds()
    for _ in range(5):
        held.open("blue.png")
    assert psutil.Process().num_fds() == before + 1
    other = pickle.loads(pickle.dumps(held))
    assert psutil.Process().num_fds() == before + 1
    tar.rename(tar.with_name("moved.tar"))
    assert held.open("blue.png").size == (16, 16)
    with pytest.raises(UserError, match=r"all\.tar cannot be read"):
        other.open("blue.png")


@pytest.mark.parametrize("name", ["../red.png", "/etc/red.png", "a/../../red.png", "a\\b.png"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="a name that leads out of it"):
        PictureTar(pack(tmp_path / "bad.tar", {name: drawn("red")})).open("red.png")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_or_device_is_refused(tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(UserError, match=r'"link\.png", which is no plain file'):
        PictureTar(pack(tmp_path / "bad.tar", {"link.png": link})).open("link.png")


def test_what_is_no_whole_tar_is_a_sentence(tar: Path, tmp_path: Path) -> None:
    (tmp_path / "small.tar").write_bytes(gzip.compress(tar.read_bytes()))
    with pytest.raises(UserError, match="cannot be read as an uncompressed tar"):
        PictureTar(tmp_path / "small.tar").open("blue.png")
    (tmp_path / "cut.tar").write_bytes(tar.read_bytes()[:1100])
    with pytest.raises(UserError, match=r"cut\.tar (is cut off|cannot be read)"):
        PictureTar(tmp_path / "cut.tar").open("blue.png")
    with pytest.raises(UserError, match=r"no tar .*none\.tar"):
        PictureTar(tmp_path / "none.tar").open("blue.png")
    held = PictureTar(tar)
    held.open("blue.png")
    os.truncate(tar, 600)
    with pytest.raises(UserError, match="shorter than it was"):
        held.open("blue.png")


def test_a_picture_too_large_is_a_sentence(tar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UserError, match=r"blue\.png in .* is too large"):
        PictureTar(tar).open("blue.png")
