"""What a check says of data: one small fault of each kind, all of them told."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from vlcli.runs.check_data import Finding, Report, check
from vlcli.spec.read import read_spec_text

TINY: dict[str, Any] = {
    "task": "vqa", "backbone": "t5-tiny", "from_scratch": True, "tokenizer": "train",
    "unfreeze_language_model": True, "feature_type": "patch", "image_size": 32, "patch_size": 16,
    "train": "train.jsonl", "valid": "valid.jsonl",
}  # fmt: skip
NUMBER = 6
ROLES = ("train", "valid")
Row = dict[str, Any]


def write(role: str, rows: Sequence[Mapping[str, Any]]) -> None:
    Path(f"{role}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Row]]:
    """Questions about six pictures for training and six for validation, all right, in the current
    folder."""
    monkeypatch.chdir(tmp_path)
    held: dict[str, list[Row]] = {}
    for role in ROLES:
        held[role] = []
        for number in range(NUMBER):
            name = f"{role}{number}.png"
            draw = np.random.default_rng([len(role), number])
            Image.fromarray(draw.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(name)
            row = {"id": f"{role[0]}{number}", "image": name, "text": "what?", "answers": ["dog"]}
            held[role].append(row)
        write(role, held[role])
    return held


def checked(fast: bool = False, **values: Any) -> Report:
    spec = read_spec_text(json.dumps(TINY | values)).spec
    assert spec is not None
    return check(spec, fast)


def only(report: Report, kind: str, split: str = "train") -> Finding:
    """The one finding, of this kind and split."""
    (found,) = report.findings
    assert (found.kind, found.split) == (kind, split), found
    return found


@pytest.mark.parametrize("fast", [False, True])
def test_right_data_is_counted_and_has_no_finding(rows: dict[str, list[Row]], fast: bool) -> None:
    for role in ROLES:
        write(role, [row | {"kind": "ab"[n % 2]} for n, row in enumerate(rows[role])])
    report = checked(fast)
    assert (report.findings, report.exit_code) == ([], 0)
    assert report.opened == (0 if fast else 12)
    assert [each.as_json() for each in report.splits] == [
        {
            "task": "vqa", "split": role, "source": f"{role}.jsonl",
            "records": 6, "examples": 6, "pictures": 6,
            "kinds": {kind: {"records": 3, "examples": 3} for kind in "ab"},
        }
        for role in ROLES
    ]  # fmt: skip


def test_every_bad_line_of_every_split_is_named(rows: dict[str, list[Row]]) -> None:
    lines = Path("train.jsonl").read_text().splitlines()
    lines[1] = "{"
    lines[3] = '{"text": 3}'
    lines[5] = lines[0]
    Path("train.jsonl").write_text("\n".join(lines))
    write("valid", [*rows["valid"], {"id": "x", "image": "../x.png", "text": "?"}])
    report = checked()
    first, second = report.findings
    assert (first.kind, first.number, first.code) == ("record", 3, 3)
    assert list(first.first) == [f"train.jsonl, line {n}" for n in (2, 4, 6)]
    assert first.sentence.startswith("3 records are wrong: train.jsonl, line 2: this is not JSON")
    assert (second.split, second.kind, second.code) == ("valid", "source", 4)
    assert 'record "x": the picture ../x.png lies outside' in second.sentence
    assert [each.records for each in report.splits] == [3, 6]
    assert report.exit_code == 3


def test_a_file_in_two_roles_tells_of_its_lines_once(rows: dict[str, list[Row]]) -> None:
    Path("train.jsonl").write_text('{"text": 3}\n' + Path("train.jsonl").read_text())
    report = checked(valid="train.jsonl")
    assert [each.kind for each in report.findings] == ["record", "repeated", "shared"]


def test_a_missing_file_does_not_hide_what_is_wrong_elsewhere(rows: dict[str, list[Row]]) -> None:
    write("train", [{**rows["train"][0], "text": 3}, *rows["train"][1:]])
    values = TINY | {"valid": "nothing.jsonl", "test": "valid.jsonl"}
    reading = read_spec_text(json.dumps(values))
    assert [each.code for each in reading.problems] == ["F3"]
    report = check(reading.chosen.spec.of(reading.values))
    wrong, missing = report.findings
    assert missing.line == "vqa, valid: There is no file nothing.jsonl."
    assert (wrong.split, missing.code, report.exit_code) == ("train", 4, 3)
    assert [each.examples for each in report.splits] == [5, 0, 6]


def test_a_line_that_is_not_utf8_is_named(rows: dict[str, list[Row]]) -> None:
    Path("train.jsonl").write_bytes(b'{"text": "?"}\n\xff\n')
    found = only(checked(), "source")
    assert found.sentence == "train.jsonl, line 2: the text is not UTF-8."


def test_all_records_that_the_task_refuses_are_named(rows: dict[str, list[Row]]) -> None:
    for number in (1, 4):
        del rows["train"][number]["answers"]
    del rows["train"][5]["text"]
    write("train", rows["train"])
    report = checked()
    found = only(report, "record")
    assert list(found.first) == ["t1", "t4", "t5"]
    assert found.sentence == (
        '3 of 6 records are wrong: "t1", "t4": has no "answers" to learn from; '
        '"t5": has no "text", the question.'
    )
    assert (report.splits[0].records, report.splits[0].examples, report.exit_code) == (6, 3, 3)


@pytest.mark.parametrize("policy", ["error", "skip"])
def test_missing_pictures_and_cut_off_ones(rows: dict[str, list[Row]], policy: str) -> None:
    Path("train2.png").unlink()
    Path("valid3.png").unlink()
    os.truncate("train1.png", 60)
    Path("train4.png").write_text("no picture")
    fast = checked(fast=True, on_bad_example=policy)
    assert [(each.kind, each.split) for each in fast.findings] == [
        ("missing", "train"),
        ("missing", "valid"),
    ]
    report = checked(on_bad_example=policy)
    missing, unreadable, _ = report.findings
    assert list(missing.first) == ["t2"]
    assert missing.sentence == (
        "1 of 6 examples lack their picture or features: "
        '"t2": There is no picture train2.png.'
    )  # fmt: skip
    assert set(unreadable.first) == {"t1", "t4"}
    assert "train4.png is not a picture that can be read" in unreadable.sentence
    assert report.exit_code == fast.exit_code == (4 if policy == "error" else 0)
    assert unreadable.severity == ("error" if policy == "error" else "warning")


def test_a_split_without_any_picture_stops_a_run_that_skips(rows: dict[str, list[Row]]) -> None:
    for number in range(NUMBER):
        Path(f"valid{number}.png").unlink()
    report = checked(on_bad_example="skip")
    assert [(each.severity, each.split) for each in report.findings] == [
        ("error", "valid"),
        ("warning", "valid"),
    ]
    assert report.exit_code == 4
    found = report.findings[1].sentence
    assert '6 of 6 examples lack their picture or features: "v0": There is no picture' in found
    assert found.endswith("and 3 more.")


def test_pictures_in_a_tar(rows: dict[str, list[Row]]) -> None:
    os.truncate("train1.png", 60)
    with tarfile.open("all.tar", "w") as held:
        for path in sorted(Path().glob("*.png")):
            if path.name != "valid0.png":
                held.add(path)
            path.unlink()
    report = checked(images="all.tar", num_workers=1)
    unreadable, missing = report.findings
    assert list(unreadable.first) == ["t1"]
    assert "train1.png in all.tar cannot be read" in unreadable.sentence
    assert list(missing.first) == ["v0"]
    assert "There is no picture valid0.png in all.tar; its names look like" in missing.sentence
    assert (report.opened, report.exit_code) == (11, 4)


def test_a_cut_off_tar_is_told_of_once_a_split(rows: dict[str, list[Row]]) -> None:
    Path("all.tar").write_bytes(b"no tar")
    report = checked(images="all.tar")
    assert [each.kind for each in report.findings] == ["source", "source"]
    assert report.exit_code == 4


def test_records_without_features(rows: dict[str, list[Row]]) -> None:
    path = Path("datasets/COCO/features/val2014_obj36.h5")
    path.parent.mkdir(parents=True)
    names = [f"COCO_val2014_{number:012}" for number in range(NUMBER)]
    with h5py.File(path, "w") as file:
        for number, name in enumerate(names[:5]):
            file[f"{name}/features"] = np.ones((36, 2048), np.float32)
            file[f"{name}/boxes"] = np.full((36, 4), 20 if number == 4 else 1, np.float32)
            file[f"{name}/img_w"] = file[f"{name}/img_h"] = 10
    asked = [row | {"image": name} for row, name in zip(rows["train"], names, strict=True)]
    write("train", asked)
    write("valid", [row | {"text": "who?"} for row in asked[:2]])
    report = checked(feature_type="butd")
    missing, unreadable, shared = report.findings
    assert (list(missing.first), list(unreadable.first)) == (["t5"], ["t4"])
    assert "val2014_obj36.h5" in missing.sentence
    assert "its boxes lie outside the picture" in unreadable.sentence
    assert (shared.kind, shared.number, shared.severity) == ("shared", 2, "note")


def test_a_missing_feature_file_says_what_makes_it(rows: dict[str, list[Row]]) -> None:
    for role in ROLES:
        write(role, [row | {"image": "COCO_val2014_000000000001"} for row in rows[role]])
    report = checked(feature_type="butd", fast=True)
    first = report.findings[0]
    assert (first.kind, first.number) == ("missing", 6)
    assert '"t0", "t1", "t2" and 3 more: ' in first.sentence
    assert "VL-T5's feature_extraction makes them" in first.sentence


REFCOCO = {"task": "refcoco", "backbone": "t5-tiny", "only_boxes": True}


def test_boxes_outside_the_picture(rows: dict[str, list[Row]]) -> None:
    for role in ROLES:
        boxes = [[0, 0, 10, 10], [5, 5, 30, 30]]
        size = {"width": 40, "height": 40}
        held = [{**row, **size, "box": boxes[0], "boxes": boxes} for row in rows[role]]
        held[1]["box"] = [0, 0, 80, 10]
        held[3]["boxes"] = [[10, 10, 5, 20]]
        write(role, held)
    report = checked(**REFCOCO)
    assert [(each.kind, each.split, list(each.first)) for each in report.findings] == [
        ("box", "train", ["t1", "t3"]),
        ("box", "valid", ["v1", "v3"]),
    ]
    assert '"t1": the box [0, 0, 80, 10] is not' in report.findings[0].sentence
    assert (report.exit_code, report.opened) == (3, 8)


def test_bad_boxes_of_pretraining_are_all_named(rows: dict[str, list[Row]]) -> None:
    for role in ROLES:
        held = [
            {"id": row["id"], "image": row["image"], "captions": [f"a dog {row['id']}"],
             "boxes": [[0, 0, 1, 1]], "names": ["dog"]}
            for row in rows[role]
        ]  # fmt: skip
        held[2]["boxes"] = held[4]["boxes"] = [[0, 0, 2, 1]]
        write(role, held)
    report = checked(task="pretrain", losses="ground_caption,refer", fast=True)
    assert [(each.kind, list(each.first)) for each in report.findings] == [
        ("box", ["t2", "t4"]),
        ("box", ["v2", "v4"]),
    ]


def test_answers_outside_the_table(rows: dict[str, list[Row]]) -> None:
    rows["valid"][1]["answers"] = ["cat"]
    rows["valid"][2]["answers"] = ["dog", "cow"]
    write("valid", rows["valid"])
    for values in ({"answer_vocab": "train"}, {"classifier": True}, {"answer_vocab": "a.txt"}):
        Path("a.txt").write_text("dog\nbird\n")
        report = checked(**values)
        found = only(report, "answers", "valid")
        assert found.first == {"v1": "no answer is inside", "v2": "some are outside"}
        assert found.sentence.startswith("2 of 6 examples have answers outside the")
        assert "(1 have no other); 28.6 % of the labels are lost" in found.sentence
        assert (found.severity, report.exit_code) == ("warning", 0)


def test_empty_texts(rows: dict[str, list[Row]]) -> None:
    rows["train"][0]["text"] = " "
    rows["train"][3]["answers"] = ["dog", ""]
    write("train", rows["train"])
    report = checked()
    assert [(each.kind, each.sentence) for each in report.findings] == [
        ("empty", '1 of 6 records have an empty text in "text": "t0".'),
        ("empty", '1 of 6 records have an empty text in "answers": "t3".'),
    ]


def test_empty_captions(rows: dict[str, list[Row]]) -> None:
    for role in ROLES:
        write(role, [{"image": row["image"], "captions": ["a dog", ""]} for row in rows[role][:2]])
    report = checked(task="caption")
    assert [each.sentence for each in report.findings] == [
        '2 of 2 records have an empty text in "captions": "train-1", "train-2".',
        '2 of 2 records have an empty text in "captions": "valid-1", "valid-2".',
    ]
    assert [each.examples for each in report.splits] == [4, 2]


def test_the_same_record_and_the_same_picture_in_two_splits(rows: dict[str, list[Row]]) -> None:
    again = [row | {"id": f"again{n}"} for n, row in enumerate(rows["train"][:2])]
    other = rows["train"][2] | {"id": "other", "text": "who?"}
    write("valid", [*rows["valid"], *again, other])
    report = checked()
    repeated, shared = report.findings
    assert (repeated.kind, repeated.severity) == ("repeated", "warning")
    assert repeated.first == {"again0": '"t0" of train', "again1": '"t1" of train'}
    assert (shared.kind, shared.severity, shared.number) == ("shared", "note", 3)
    assert shared.sentence.startswith("3 of 9 pictures are in train, too: ")
    assert report.exit_code == 0


def test_texts_that_are_cut(rows: dict[str, list[Row]]) -> None:
    rows["train"][0]["text"] = "what " * 30
    write("train", rows["train"])
    exact = only(checked(), "cut")
    assert (
        exact.sentence
        == '1 of 6 texts are longer than 20 tokens (max_text_length) and are cut: "t0".'
    )
    fast = only(checked(fast=True), "cut")
    assert fast.sentence.startswith("at least 1 of 6 texts")
    assert fast.sentence.endswith('are cut (counted in words): "t0".')
    assert checked(max_text_length=60).findings == []


def test_targets_that_are_cut(rows: dict[str, list[Row]]) -> None:
    for role in ROLES:
        write(role, [{"image": row["image"], "captions": ["dog " * 9]} for row in rows[role]])
    found = only(checked(task="caption", gen_max_length=5), "cut")
    assert "6 of 6 targets are longer than 5 tokens (gen_max_length)" in found.sentence


def test_every_task_of_a_run_is_walked(rows: dict[str, list[Row]]) -> None:
    Path("train2.png").unlink()
    for role in ROLES:
        told = [{"id": r["id"], "image": r["image"], "captions": ["a dog"]} for r in rows[role]]
        write(f"{role}_captions", told)
    del rows["valid"][0]["text"]
    write("valid", rows["valid"])
    split = {role: {"vqa": f"{role}.jsonl", "caption": f"{role}_captions.jsonl"} for role in ROLES}
    report = checked(task="multitask", tasks=["vqa", "caption"], test=None, **split)
    assert {(each.task, each.split, each.kind) for each in report.findings} == {
        ("vqa", "train", "missing"),
        ("vqa", "valid", "record"),
        ("caption", "train", "missing"),
    }
    assert [each.task for each in report.splits] == ["vqa", "vqa", "caption", "caption"]


def test_every_wrong_entry_of_a_published_file_is_named(rows: dict[str, list[Row]]) -> None:
    entries: list[Any] = [
        {"img_id": f"COCO_val2014_{n:012}", "question_id": n, "sent": "who?", "label": {"man": 1}}
        for n in range(5)
    ]
    entries[1], entries[3]["sent"] = 3, None
    Path("datasets/vqa").mkdir(parents=True)
    Path("datasets/vqa/mine.json").write_text(json.dumps(entries))
    report = checked(train="mine")
    wrong = next(each for each in report.findings if each.kind == "record")
    assert (wrong.number, wrong.code) == (2, 3)
    assert list(wrong.first) == [f"datasets/vqa/mine.json, entry {n}" for n in (2, 4)]
    assert report.splits[0].records == 3


def test_the_split_of_a_test_server_is_walked_where_a_run_predicts_it(
    rows: dict[str, list[Row]],
) -> None:
    told = {"img_id": "COCO_test2015_000000000001", "question_id": 1, "sent": "who?"}
    Path("datasets/vqa").mkdir(parents=True)
    Path("datasets/vqa/test.json").write_text(json.dumps([told, {**told, "question_id": None}]))
    values = {"task": "multitask", "tasks": ["vqa", "gqa"], "test": None}
    assert checked(**values).findings == []
    report = checked(**values, testing=True)
    assert [(each.task, each.split, each.records) for each in report.splits] == [
        ("vqa", "train", 6), ("vqa", "valid", 6), ("vqa", "served", 1),
        ("gqa", "train", 6), ("gqa", "valid", 6), ("gqa", "served", 0),
    ]  # fmt: skip
    assert [(each.task, each.split, each.kind) for each in report.findings] == [
        ("vqa", "served", "record"),
        ("vqa", "served", "missing"),
        ("gqa", "served", "source"),
    ]
    assert 'The questions of the split "submit" of GQA' in report.findings[2].sentence


@pytest.mark.parametrize("task", ["vqa", "nlvr", "refcoco", "vcr"])
def test_the_built_in_data_is_clean(
    task: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    values = {key: value for key, value in TINY.items() if key not in ROLES}
    few = {"train_topk": 60, "valid_topk": 40}
    spec = read_spec_text(
        json.dumps(values | {"task": task, "dataset": "shapes", "test": "test", **few})
    ).spec
    report = check(spec)
    assert [each for each in report.findings if each.severity != "note"] == []
    assert [each.records for each in report.splits] == [60, 40, 40]
    assert report.opened == sum(each.pictures for each in report.splits)
