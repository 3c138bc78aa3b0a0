"""Tars of pictures with their texts: what is read of them, in any order, and indexed once."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data import pairs
from vlcli.data.pairs import TarPlaces, read_tar, tars_of
from vlcli.data.sources import pictures, records
from vlcli.spec.problem import UserError

COLORS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def png(color: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(held, "PNG")
    return held.getvalue()


def tarred(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return path


def shard(folder: Path, number: int, colors: tuple[str, ...] = COLORS) -> Path:
    members: dict[str, bytes] = {}
    for at, color in enumerate(colors):
        members[f"{at:04}.png"] = png(color)
        members[f"{at:04}.txt"] = f"a {color} square\n".encode()
        members[f"{at:04}.json"] = json.dumps({"url": "x", "label": color}).encode()
    return tarred(folder / f"{number:03}.tar", members)


def test_members_of_one_name_are_a_record(tmp_path: Path) -> None:
    found = read_tar(shard(tmp_path, 7))
    assert [{k: v for k, v in each.items() if k != "image"} for each in found] == [
        {"id": f"007/{at:04}", "captions": [f"a {color} square"], "label": color}
        for at, color in enumerate(COLORS)
    ]


def test_pictures_are_read_by_their_places_in_any_order_and_process(tmp_path: Path) -> None:
    found = read_tar(shard(tmp_path, 0))
    held = pickle.loads(pickle.dumps(TarPlaces()))
    for record, color in reversed(list(zip(found, COLORS, strict=True))):
        assert held.open(record["image"]).tobytes() == Image.new("RGB", (4, 4), color).tobytes()


def test_a_caption_may_stand_in_the_json_and_a_label_in_cls(tmp_path: Path) -> None:
    path = tarred(
        tmp_path / "a.tar",
        {
            "x/1.JPG": png("red"),
            "x/1.json": b'{"caption": "red"}',
            "2.jpg": png("blue"),
            "2.cls": b"3",
            "3.txt": b"no picture",
        },
    )
    first, second = read_tar(path)
    assert (first["id"], first["captions"]) == ("a/x/1", ["red"])
    assert (second["id"], second["label"]) == ("a/2", "3")


def test_a_tar_is_indexed_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shard(tmp_path, 0)
    before = read_tar(path)
    with monkeypatch.context() as patch:
        patch.setattr(pairs, "_records", lambda *_: pytest.fail("indexed twice"))
        assert read_tar(path) == before
    shard(tmp_path, 0, ("white",))
    assert [each["captions"] for each in read_tar(path)] == [["a white square"]]


def test_many_tars_are_named_at_once(tmp_path: Path) -> None:
    for number in range(9, 12):
        shard(tmp_path, number)
    named = tars_of(str(tmp_path / "{009..011}.tar"))
    assert named == tars_of(str(tmp_path)) == [tmp_path / f"{n:03}.tar" for n in range(9, 12)]
    args = VLSpec(feature_type="patch")
    for name in (tmp_path, tmp_path / "{009..011}.tar"):
        found = records(args, str(name), "train", "alignment")
        assert len(found) == 9
        assert pictures(args).open(found[-1]["image"]).size == (4, 4)
        assert pictures(args).faults([each["image"] for each in found]) == {}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tarred(tmp_path / "a.tar", {"1.jpg": b"?", "1.json": b"{", "2.jpg": png("red")})
    with pytest.raises(UserError, match=r"a\.tar, 1\.json cannot be read"):
        read_tar(path)
    told: list[UserError] = []
    (right,) = read_tar(path, told.append)
    assert (right["id"], len(told)) == ("a/2", 1)
    with pytest.raises(UserError, match="There is no tar"):
        read_tar(tmp_path / "none.tar")
    path.unlink()
    assert TarPlaces().faults([right["image"]]) == {right["image"]: f"There is no tar {path}."}
    with pytest.raises(UserError, match="No such file"):
        TarPlaces().open(right["image"])


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    (record,) = read_tar(tarred(tmp_path / "a.tar", {"1.jpg": b"?", "1.txt": b"a"}))
    with pytest.raises(UserError, match=r"1\.jpg in .*a\.tar is not a picture"):
        TarPlaces().open(record["image"])
