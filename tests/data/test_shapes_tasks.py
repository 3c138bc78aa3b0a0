"""The built-in data set draws every task: what is drawn when, and what all records have."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlcli.data import shapes
from vlcli.data.records import checked
from vlcli.data.shapes.stills import CLASSES
from vlcli.spec.problem import UserError

NUMBERS = {"train": 300, "valid": 40, "test": 40}
FEW = {"train": 12, "valid": 3, "test": 3}
FIELDS = {
    "vqa": {"image", "text", "answers", "kind"},
    "caption": {"image", "captions"},
    "gqa": {"image", "text", "label", "answers", "kind"},
    "nlvr": {"image", "text", "label", "group", "kind"},
    "vcr": {"image", "text", "choices", "label", "rationales", "rationale_label", "kind"},
    "refcoco": {"image", "text", "box", "boxes", "width", "height", "kind"},
    "mmt": {"image", "text", "answers"},
    "cls": {"image", "label"},
    "tvqa": {"image", "text", "choices", "label", "subtitles", "time", "kind"},
    "how2qa": {"image", "text", "choices", "label", "subtitles", "time", "kind"},
    "tvc": {"image", "captions", "subtitles", "time"},
    "yc2c": {"image", "captions", "subtitles"},
    "activitynet": {"image", "text", "answers", "kind"},
    "pretrain": {
        *("image", "captions", "questions", "boxes", "names", "width", "height", "source"),
    },
    "pretrain_vcr": {"image", "questions", "boxes", "names", "width", "height"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> shapes.Shapes:
    return shapes.load(shapes.SEED, NUMBERS, tmp_path_factory.mktemp("cache"))


def images(record: dict[str, Any]) -> list[str]:
    return record["image"] if isinstance(record["image"], list) else [record["image"]]


def test_every_task_is_drawn() -> None:
    assert set(shapes.TASKS) == set(FIELDS)


@pytest.mark.parametrize("task", FIELDS)
def test_records_have_their_fields_and_pictures_that_open(data: shapes.Shapes, task: str) -> None:
    ids: Counter[str] = Counter()
    for split in shapes.SPLITS:
        records = data.records(split, task)
        assert len(records) > 0.5 * NUMBERS[split]
        for record in records:
            assert set(checked(record, "")) == {"id", "split", *FIELDS[task]}
            assert record["split"] == split
            ids[record["id"]] += 1
        for image in images(records[0]) + images(records[-1]):
            picture = data.pictures.open(image)
            assert (picture.shape, picture.dtype) == ((64, 64, 3), np.uint8)
    assert max(ids.values()) == 1


@pytest.mark.parametrize("task", FIELDS)
def test_no_two_splits_share_a_picture(data: shapes.Shapes, task: str) -> None:
    held = [
        {image for record in data.records(split, task) for image in images(record)}
        for split in shapes.SPLITS
    ]
    assert len(set.union(*held)) == sum(map(len, held))


@pytest.mark.parametrize("name", ["", "plain", "classes", "clips"])
def test_no_two_splits_show_the_same(data: shapes.Shapes, name: str) -> None:
    held = [{each.scene.composition for each in data.shown(name, split)} for split in NUMBERS]
    assert len(set.union(*held)) == sum(map(len, held))
    assert min(map(len, held)) > 20


@pytest.mark.parametrize("task", FIELDS)
def test_texts_are_short(data: shapes.Shapes, task: str) -> None:
    for record in data.records("train", task):
        told = [record.get("text", ""), record.get("subtitles", ""), *record.get("choices", ())]
        assert len(" ".join(told).split()) <= 60
        for text in (*record.get("captions", ()), *record.get("rationales", ())):
            assert len(text.split()) <= 18


def test_every_class_is_as_frequent(data: shapes.Shapes) -> None:
    counts = Counter(record["label"] for record in data.records("train", "cls"))
    assert set(counts) == set(CLASSES)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_what_is_not_asked_for_is_not_drawn(tmp_path: Path) -> None:
    data = shapes.load(3, FEW, tmp_path)
    assert not list(tmp_path.iterdir())
    data.records("train")
    assert [path.name for path in tmp_path.iterdir()] == [data.folder.name]
    data.records("train", "gqa")
    drawn = {path.name.split("-")[1] for path in tmp_path.iterdir() if path != data.folder}
    assert drawn == {"gqa", "plain"}


def test_pictures_are_drawn_for_who_only_looks(tmp_path: Path) -> None:
    shown = shapes.load(3, FEW, tmp_path / "a").pictures
    data = shapes.load(3, FEW, tmp_path / "b")
    image = data.records("test", "tvqa")[0]["image"]
    assert np.array_equal(shown.open(image), data.pictures.open(image))


def test_pictures_travel_to_other_processes_without_what_they_hold(data: shapes.Shapes) -> None:
    pictures = data.pictures
    image = data.records("test", "cls")[0]["image"]
    seen = pictures.open(image)
    packed = pickle.dumps(pictures)
    assert len(packed) < 2000
    assert np.array_equal(pickle.loads(packed).open(image), seen)
    assert pictures.faults([image]) == {}


@pytest.mark.parametrize("image", ["videos/3", "plain/380", "380", "plain/x", ""])
def test_a_picture_that_is_not_there_is_a_sentence(data: shapes.Shapes, image: str) -> None:
    with pytest.raises(UserError, match="no picture"):
        data.pictures.open(image)


def test_an_unknown_task_is_answered_with_the_known_ones(data: shapes.Shapes) -> None:
    with pytest.raises(UserError, match='no data for "ocr"; it has vqa, caption, gqa'):
        data.records("train", "ocr")


def test_the_same_seed_draws_the_same_data_and_another_seed_other_data(tmp_path: Path) -> None:
    one, same, other = (
        {
            task: [json.dumps(r) for r in shapes.load(seed, FEW, tmp_path / name).records(s, task)]
            for task in shapes.TASKS
            for s in ("train",)
        }
        for seed, name in ((7, "a"), (7, "b"), (8, "c"))
    )
    assert one == same
    assert all(one[task] != other[task] for task in set(shapes.TASKS) - {"cls"})
    for name in ("plain", "classes", "clips"):
        a, b = (shapes.load(7, FEW, tmp_path / each).array(name) for each in "ab")
        assert a.read_bytes() == b.read_bytes()


def draw_few(folder: str) -> str:
    data = shapes.load(3, FEW, Path(folder))
    return "".join(json.dumps(data.records("valid", task)) for task in ("pretrain_vcr", "tvc"))


def test_several_processes_may_draw_a_task_at_once(tmp_path: Path) -> None:
    with get_context("spawn").Pool(3) as pool:
        held = pool.map(draw_few, [str(tmp_path)] * 3)
    assert len(set(held)) == 1
    drawn = sorted(path.name.split("-")[1] for path in tmp_path.iterdir())
    assert drawn == ["classes", "clips", "pretrain_vcr", "tvc", "vcr"]
