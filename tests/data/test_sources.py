"""What train, valid and test may name, and how much of it is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data import shapes
from vlcli.data.sources import pictures, reader, records, topk
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


def test_a_missing_picture_is_named_before_training(own: Path) -> None:
    with pytest.raises(UserError, match=r'own\.jsonl, record "a": there is no picture .*red\.png'):
        records(spec(own, images=None), str(own), "train", "answers")


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


def test_a_split_of_no_known_data_is_a_sentence(own: Path) -> None:
    with pytest.raises(UserError, match="karpathy_train"):
        records(spec(own), "karpathy_train", "train", "answers")
    with pytest.raises(UserError, match="Remove dataset"):
        records(spec(own, dataset="shapes"), str(own), "train", "answers")
    with pytest.raises(UserError, match='feature_type "butd"'):
        reader(spec(own, feature_type="butd"), pictures(spec(own)))


def test_the_built_in_data_comes_by_split_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shapes, "PICTURES", {"train": 6, "valid": 3, "test": 2})
    args = spec(tmp_path, images=None, dataset="shapes", image_size=(64, 64), patch_size=8)
    asked = records(args, "valid,test", "valid", "answers")
    assert {record["split"] for record in asked} == {"valid", "test"}
    assert len(records(args, "valid,test", "valid", "captions")) == 5
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
