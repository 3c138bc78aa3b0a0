"""Which pictures a folder, a tar or a .jsonl file holds."""

from __future__ import annotations

import json
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from PIL import Image

from vlcli.data.gathering import gather
from vlcli.data.listing import Listing
from vlcli.spec.problem import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    (path / "more").mkdir(parents=True)
    for name, colour in (("red.png", "red"), ("more/blue.JPG", "blue")):
        Image.new("RGB", (8, 6), colour).save(path / name)
    (path / "words.txt").write_text("no picture")
    (path / ".hidden.png").write_text("no picture")
    return path


def test_a_folder_gives_its_pictures_by_relative_path(folder: Path) -> None:
    found = gather(folder)
    assert list(found.sizes) == ["more/blue.JPG", "red.png"]
    assert dict(found.sizes.items())["red.png"] == (folder / "red.png").stat().st_size
    assert found.pictures.open("more/blue.JPG").size == (8, 6)  # type: ignore[union-attr]


def test_a_tar_gives_its_members(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(folder, "./all")
    found = gather(tmp_path / "all.tar")
    assert list(found.sizes) == ["all/more/blue.JPG", "all/red.png"]
    assert found.pictures.open("all/red.png").getpixel((0, 0)) == (255, 0, 0)  # type: ignore[union-attr]


def test_records_name_their_pictures_once(folder: Path) -> None:
    lines = [{"image": "red.png"}, {"image": ["more/blue.JPG", "red.png"]}, {"image": "gone.png"}]
    lines.append({"image": "x" * 300})
    file = folder / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    found = gather(file)
    assert list(found.sizes) == ["red.png", "more/blue.JPG", "gone.png", "x" * 300]
    assert [dict(found.sizes.items())[name] for name in ("gone.png", "x" * 300)] == [-1, -1]
    with pytest.raises(UserError, match="There is no picture"):
        found.pictures.open("gone.png")


def test_a_record_that_leaves_the_folder_is_refused(folder: Path) -> None:
    file = folder / "own.jsonl"
    file.write_text('{"image": "../red.png"}')
    with pytest.raises(UserError, match=r"the picture \.\./red\.png lies outside"):
        gather(file)


def test_nothing_to_gather_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone is not there"):
        gather(tmp_path / "gone")
    with pytest.raises(UserError, match="has no picture"):
        gather(tmp_path)
    (tmp_path / "a.zip").write_text("")
    with pytest.raises(UserError, match="is neither a folder"):
        gather(tmp_path / "a.zip")


def test_a_list_of_many_names_takes_a_third_of_a_dict() -> None:
    pairs = [(f"bild-{number:06}-é.png", 100_000 + number) for number in range(20_000)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        held = Listing((str(name), int(size)) for name, size in pairs)
        size = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert size < 50 * len(pairs)
    assert (len(held), list(held.items())) == (len(pairs), pairs)
    assert held.part(19_998, 20_002) == dict(pairs[19_998:])
    assert list(Listing(reversed(pairs)).by_name()) == list(held.by_name()) == pairs
