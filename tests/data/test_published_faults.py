"""Every reader of published files: what can be wrong, and who tells all faults gets the rest."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.data.small_sets import SMALL, Small, json_list
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data import sources
from vlcli.data.faults import Skips
from vlcli.data.hdf5 import BoxReader, GridReader
from vlcli.data.published import TASKS, read
from vlcli.data.records import Record
from vlcli.spec.entries import all_of, part
from vlcli.spec.problem import UserError

NOT_UTF8 = b"\n\n\xe9"
EACH = pytest.mark.parametrize("small", SMALL.values(), ids=list(SMALL))
BOXED = ("vqa", "gqa", "nlvr", "caption", "refcoco", "vcr", "pretrain_vcr", "pretrain", "mmt")


def found(small: Small, root: Path, **more: Any) -> list[Record]:
    return read(small.task, root, small.split, args=small.args, **more)


def images(records: list[Record]) -> list[str]:
    held = (each["image"] for each in records)
    return [one for each in held for one in (each if isinstance(each, list) else [each])]


def test_every_reader_is_here() -> None:
    assert set(SMALL) == set(TASKS) - {"sts"}  # which has no pictures: test_published_sts.py


@EACH
def test_the_first_wrong_entry_is_a_sentence_with_its_place(small: Small, tmp_path: Path) -> None:
    for entry, words in small.wrong:
        path = small.write(tmp_path, [small.right(0), entry])
        with pytest.raises(UserError, match=re.escape(words)) as raised:
            found(small, tmp_path)
        assert str(path.parent) in str(raised.value)
        assert raised.value.exit_code == 3


@EACH
def test_who_tells_faults_gets_all_of_them_and_the_right_entries(
    small: Small, tmp_path: Path
) -> None:
    small.write(tmp_path, [small.right(0), small.right(1)])
    right = images(found(small, tmp_path))
    (first, told), (second, later), *_ = small.wrong
    small.write(tmp_path, [first, small.right(0), second, small.right(1)])
    faults: list[UserError] = []
    kept = found(small, tmp_path, each_fault=faults.append)
    assert images(kept) == right
    assert len(faults) == 2
    assert told in str(faults[0])
    assert later in str(faults[1])
    small.write(tmp_path, [first, second])
    assert found(small, tmp_path, each_fault=faults.append) == []
    assert len(faults) == 4


@EACH
def test_a_split_without_an_entry_is_a_sentence(small: Small, tmp_path: Path) -> None:
    small.write(tmp_path, [])
    with pytest.raises(UserError, match=f"that split of {small.task} holds no record") as raised:
        found(small, tmp_path)
    assert raised.value.exit_code == 3


@EACH
def test_text_that_is_not_utf8_is_named_by_file_and_line(small: Small, tmp_path: Path) -> None:
    path = small.write(tmp_path, [small.right(0)])
    path.write_bytes(NOT_UTF8 + path.read_bytes())
    with pytest.raises(UserError, match=rf"{path.name}, line 3: the text is not UTF-8"):
        found(small, tmp_path)


@EACH
def test_a_split_that_does_not_exist_names_those_that_do(small: Small, tmp_path: Path) -> None:
    small.write(tmp_path, [small.right(0)])
    with pytest.raises(UserError, match=f"(there: |they have ).*{small.split}"):
        read(small.task, tmp_path, "nowhere", args=small.args)


@EACH
def test_a_missing_file_says_what_makes_it(small: Small, tmp_path: Path) -> None:
    path = small.write(tmp_path, [small.right(0)])
    path.unlink()
    if small.task == "cls":  # the folder is read without the list of its classes
        path.parent.rename(tmp_path / "gone")
    with pytest.raises(UserError, match=r"There is no (file|folder) .*(data_root|unpack|part of)"):
        found(small, tmp_path)


def store(path: Path, group: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "a") as file:
        held = file.require_group(group)
        held["features"] = np.ones((36, 2048), np.float32)
        held["boxes"] = np.ones((36, 4), np.float32)
        held["img_w"] = held["img_h"] = 10


@pytest.mark.parametrize("task", BOXED)
def test_an_id_without_features_and_a_truncated_h5_are_told(task: str, tmp_path: Path) -> None:
    """Whatever file a record's reference leads to."""
    small = SMALL[task]
    small.write(tmp_path, [small.right(0), small.right(1)])
    args = small.args.but(task=task, data_root=str(tmp_path))
    held = sources.records(args, small.split, "test", task)
    reader = sources.reader(args, sources.pictures(args))
    assert isinstance(reader, BoxReader)
    assert set(reader.faults(images(held))) == set(images(held))  # no file at all
    first = images(held[:1])
    for each in first:
        paths, group = reader.paths(each)
        for path in paths:
            store(path, group)
    lacking = reader.faults(images(held))
    assert set(lacking) == set(images(held)) - set(first)
    assert all("has no picture" in each for each in lacking.values())
    (path, *_), _ = reader.paths(first[0])
    os.truncate(path, path.stat().st_size // 2)
    assert "cannot be read as HDF5" in reader.faults(first)[first[0]]
    with pytest.raises(UserError, match="cannot be read as HDF5"):
        reader.read(first[0])


@pytest.mark.parametrize("task", BOXED)
def test_examples_without_features_stop_a_run_or_are_left_out(task: str, tmp_path: Path) -> None:
    small = SMALL[task]
    small.write(tmp_path, [small.right(0), small.right(1)])
    args = small.args.but(task=task, data_root=str(tmp_path), losses=("lm", "refer"))
    held = sources.records(args, small.split, "train", task, training=True)
    make = part(all_of("task")[task], "impl")
    try:
        examples = make(args).examples(held, training=True)
    except UserError:  # a test split, which has nothing to learn from
        examples = make(args).examples(held, training=False)
    reader = sources.reader(args, sources.pictures(args))
    assert isinstance(reader, BoxReader)
    whole = [each for each in examples if set(each.images) <= set(images(held[:1]))]
    lacking = {each.id for each in examples} - {each.id for each in whole}
    assert whole
    assert lacking
    for image in images(held[:1]):
        paths, group = reader.paths(image)
        for path in paths:
            store(path, group)
    skips = Skips("skip")
    assert skips.readable(examples, reader) == whole
    assert set(skips.found) == lacking
    first = next(each.id for each in examples if each.id in lacking)
    with pytest.raises(UserError, match=f'Example "{first}": .* has no picture') as raised:
        Skips("error").readable(examples, reader)
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("task", BOXED)
def test_a_truncated_grid_is_told(task: str, tmp_path: Path) -> None:
    small = SMALL[task]
    small.write(tmp_path, [small.right(0)])
    args = VLSpec(feature_type="ViT", task=task, data_root=str(tmp_path))
    (image, *_) = images(sources.records(args, small.split, "test", task))
    reader = sources.reader(args, sources.pictures(args))
    assert isinstance(reader, GridReader)
    path, group = reader.path(image)
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file[f"{group}/features"] = np.ones((49, 768), np.float16)
    assert reader.faults([image]) == {}
    os.truncate(path, path.stat().st_size // 2)
    assert "cannot be read as HDF5" in reader.faults([image])[image]


def test_names_of_regions_in_a_truncated_h5_are_a_sentence(tmp_path: Path) -> None:
    small = SMALL["vcr"]
    small.write(tmp_path, [small.right(0) | {"objects": None}])
    path = tmp_path / "VCR/features/val_boxes_GT.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        words = np.array(["cat", "dog"], dtype=h5py.string_dtype("utf-8"))
        file["val-0/captions"] = words
    assert found(small, tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match=r'line 1: there is no "objects", and .*val_boxes_GT\.h5'):
        found(small, tmp_path)


def test_what_ten_people_answered_is_checked_question_by_question(tmp_path: Path) -> None:
    """A wrong annotation, and a question without one: both are told, the others are read."""
    small = SMALL["vqa"]
    asked = [small.right(n) | {"img_id": f"COCO_val2014_{n:012}"} for n in range(4)]
    small.write(tmp_path, asked)
    ten = [{"answer": "dog"}] * 10
    told = [{"question_id": 0, "answers": ten}, {"question_id": 1, "answers": [3]}, 4]
    told += [{"question_id": 3, "answers": ten, "answer_type": "other"}]
    json_list("vqa/v2_mscoco_val2014_annotations.json", "annotations")(tmp_path, told)
    faults: list[str] = []
    held = read(
        "vqa", tmp_path, "test", args=small.args, each_fault=lambda fault: faults.append(str(fault))
    )
    assert [(each["id"], each["answers"]) for each in held] == [
        ("0", ["dog"] * 10), ("3", ["dog"] * 10),
    ]  # fmt: skip
    assert len(faults) == 3
    assert 'annotation 2: "answers" must be a list of texts' in faults[0]
    assert all("has no answers to the question" in each for each in faults[1:])


def test_a_bad_line_of_subtitles_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    small = SMALL["tvc"]
    small.write(tmp_path, [small.right(0), small.right(1)])
    path = tmp_path / "video/ann/tv_subtitles.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["{", *lines[1:]]))
    faults: list[UserError] = []
    (kept,) = found(small, tmp_path, each_fault=faults.append)
    assert kept["vid_name"] == "clip_1"
    assert "tv_subtitles.jsonl, line 1: this is not JSON" in str(faults[0])
    assert "has no clip clip_0" in str(faults[1])
