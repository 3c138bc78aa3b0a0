"""What train, valid and test may name, and how much of it is used."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data import shapes
from vlcli.data.published.pictures import PublishedPictures
from vlcli.data.sources import pictures, reader, records, topk
from vlcli.data.visual import PictureFiles
from vlcli.spec.problem import UserError


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (20, 20), "red").save(tmp_path / "pictures" / "red.png")
    lines = [
        {"id": "a", "image": "red.png", "text": "what color?", "answers": ["red"]},
        {"id": "b", "image": "red.png", "text": "color?", "answers": ["red"], "split": "val"},
        {"id": "c", "image": ["red.png", "red.png"], "text": "same?", "split": "train"},
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def spec(path: Path, **more: object) -> VLSpec:
    images = str(path.parent / "pictures")
    return VLSpec(**{"images": images, "feature_type": "patch", "image_size": (32, 32), **more})


def test_a_record_is_read_in_the_role_of_its_split(own: Path) -> None:
    assert [r["id"] for r in records(spec(own), str(own), "train", "answers")] == ["a", "c"]
    assert [r["id"] for r in records(spec(own), str(own), "valid", "answers")] == ["a", "b"]


def test_pictures_of_own_records_can_be_read(own: Path) -> None:
    args = spec(own)
    held = reader(args, pictures(args))
    for record in records(args, str(own), "train", "answers"):
        image = record["image"]
        for name in [image] if isinstance(image, str) else image:
            assert held.read(name).features.shape == (1, 3 * 32 * 32)


def test_a_missing_picture_is_known_before_training(own: Path) -> None:
    args = spec(own, images=None)
    found = records(args, str(own), "train", "answers")
    names = [found[0]["image"], *found[1]["image"]]
    faults = reader(args, pictures(args)).faults(names)
    assert faults == {names[0]: f"There is no picture {own.parent / 'red.png'}."}


def test_a_picture_outside_its_folder_is_refused(own: Path) -> None:
    Image.new("RGB", (2, 2)).save(own.parent / "secret.png")
    own.write_text('{"id": "a", "image": "../secret.png"}')
    with pytest.raises(UserError, match=r'record "a": the picture \.\./secret.png lies outside'):
        records(spec(own), str(own), "train", "answers")


def test_a_file_without_a_record_for_the_role_says_which_it_has(own: Path) -> None:
    own.write_text('{"text": "?", "split": "holdout"}')
    with pytest.raises(UserError, match='no record whose split is "train"; it has holdout'):
        records(spec(own), str(own), "train", "answers")


def test_an_empty_file_is_a_sentence(own: Path) -> None:
    own.write_text("\n")
    with pytest.raises(UserError, match="holds no record"):
        records(spec(own), str(own), "train", "answers")


def test_what_cannot_be_read_together_is_a_sentence(own: Path) -> None:
    with pytest.raises(UserError, match="Remove dataset"):
        records(spec(own, dataset="shapes"), str(own), "train", "answers")
    with pytest.raises(UserError, match='two records have the id "a"'):
        records(spec(own), f"{own},{own}", "train", "answers")
    with pytest.raises(UserError, match='dataset "shapes" has no stored features'):
        reader(spec(own, feature_type="butd", dataset="shapes"), PictureFiles())
    own.rename(own.parent / "pictures.jsonl")
    with pytest.raises(UserError, match="neither a folder nor a"):
        records(spec(own, images=str(own)), str(own.parent / "pictures.jsonl"), "train", "answers")


def test_own_records_name_members_of_a_tar(own: Path) -> None:
    with tarfile.open(own.parent / "all.tar", "w") as held:
        held.add(own.parent / "pictures" / "red.png", "./red.png")
    args = spec(own, images=str(own.parent / "all.tar"))
    (first, _) = records(args, str(own), "train", "answers")
    held_pictures = pictures(args)
    assert isinstance(held_pictures, PublishedPictures)
    assert reader(args, held_pictures).read(first["image"]).features.shape == (1, 3 * 32 * 32)
    own.write_text('{"id": "a", "image": "../red.png"}')
    with pytest.raises(UserError, match=r'record "a": the picture \.\./red.png lies outside .*tar'):
        records(args, str(own), "train", "answers")


def test_towers_read_bytes_of_the_same_pictures(own: Path) -> None:
    args = spec(own, feature_type="raw_RN50", image_size=(64, 96))
    (first, *_) = records(args, str(own), "train", "answers")
    seen = reader(args, pictures(args)).read(first["image"])
    assert seen.pixels is not None
    assert seen.pixels.shape == (64, 96, 3)
    shapes = spec(own, feature_type="raw_ViT", dataset="shapes", image_size=(64, 64))
    held = reader(shapes, pictures(shapes)).read("7").pixels
    assert held is not None
    assert held.numpy().tobytes() == pictures(shapes).open("7").tobytes()  # type: ignore[union-attr]


def test_own_records_name_stored_features_by_their_picture(own: Path) -> None:
    own.write_text('{"image": "val/COCO_val2014_000000000042.jpg"}\n{"image": "1592"}')
    found = records(spec(own, feature_type="RN101"), str(own), "train", "answers")
    assert [each["image"] for each in found] == ["COCO_val2014_000000000042", "1592"]


def test_published_pictures_are_looked_for_where_they_are_published(tmp_path: Path) -> None:
    (tmp_path / "vqa").mkdir()
    entry = {"img_id": "COCO_train2014_000000000042", "question_id": 7, "sent": "?", "label": {}}
    (tmp_path / "vqa" / "karpathy_train.json").write_text(json.dumps([entry]))
    args = VLSpec(data_root=str(tmp_path), feature_type="patch")
    (pixels,) = records(args, "karpathy_train", "train", "vqa", True)
    name = "COCO/images/train2014/COCO_train2014_000000000042.jpg"
    assert pixels["image"] == str(tmp_path / name)
    (stored,) = records(VLSpec(data_root=str(tmp_path)), "karpathy_train", "train", "vqa", True)
    assert stored["image"] == entry["img_id"]


def test_the_built_in_data_comes_by_split_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shapes.cache, "PICTURES", {"train": 6, "valid": 3, "test": 2})
    args = spec(tmp_path, images=None, dataset="shapes", image_size=(64, 64), patch_size=8)
    asked = records(args, "valid,test", "valid", "vqa")
    assert {record["split"] for record in asked} == {"valid", "test"}
    assert len(records(args, "valid,test", "valid", "caption")) == 5
    seen = reader(args, pictures(args)).read(asked[0]["image"])
    assert (seen.features.shape, seen.boxes.shape) == ((64, 192), (64, 4))


@pytest.mark.parametrize(
    ("value", "kept"), [(-1, 200), (0, 200), (1.0, 200), (0.25, 50), (2, 2), (7.0, 7), (900, 200)]
)
def test_topk_is_a_share_up_to_one_and_a_number_above(value: float, kept: int) -> None:
    items = list(range(200))
    chosen = topk(items, value, seed=3)
    assert len(set(chosen)) == kept
    assert chosen == topk(items, value, seed=3)
    if value > 1:
        assert chosen == items[:kept]
    if value == 0.25:
        assert chosen != items[:kept]
        assert chosen != topk(items, value, seed=4)
