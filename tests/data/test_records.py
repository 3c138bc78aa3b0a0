"""Your own .jsonl files: what is read, and the sentences for what cannot be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from vlcli.data.records import read_records
from vlcli.spec.problem import UserError

GOOD = {"image": "cat.png", "text": "what is it?", "answers": ["cat"]}


def written(folder: Path, *lines: str) -> Path:
    path = folder / "own.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_records_keep_what_they_hold_and_get_an_id_each(tmp_path: Path) -> None:
    lines = [json.dumps(GOOD | {"camera": "mine"}), "", json.dumps(GOOD | {"id": 7})]
    first, second = read_records(written(tmp_path, *lines))
    assert first == {**GOOD, "camera": "mine", "id": "own-1"}
    assert second["id"] == "7"


def test_a_line_separator_inside_a_text_ends_no_record(tmp_path: Path) -> None:
    line = json.dumps(GOOD | {"text": "one\u2028two"}, ensure_ascii=False)
    (record,) = read_records(written(tmp_path, line))
    assert record["text"] == "one\u2028two"


def test_gzipped_records_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    assert read_records(path)[0]["text"] == "what is it?"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[1, 2]", "a record is an object"),
        ("{", "not JSON"),
        ('{"image": 3}', '"image" must be the path of a picture'),
        ('{"image": []}', '"image" must be the path of a picture'),
        ('{"text": null}', '"text" must be a text'),
        ('{"answers": "cat"}', '"answers" must be a list of texts'),
        ('{"answers": [1]}', '"answers" must be a list of texts'),
        ('{"captions": []}', '"captions" must be a list of at least one text'),
        ('{"label": {"cat": 2}}', '"label" must be a text, a whole number, or an object'),
        ('{"label": {"cat": NaN}}', '"label" must be a text, a whole number, or an object'),
        ('{"box": [1, 2, 3]}', '"box" must be a list of four numbers'),
        ('{"split": 1}', '"split" must be a text'),
        ('{"questions": [{}, {"text": 1}]}', 'question 2: "text" must be a text'),
    ],
)
def test_a_wrong_record_is_named_by_file_and_line(tmp_path: Path, line: str, sentence: str) -> None:
    path = written(tmp_path, json.dumps(GOOD), line)
    with pytest.raises(UserError) as caught:
        read_records(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(GOOD), '{"image": "dog.png"}')
    with pytest.raises(UserError, match='line 2: the record has no "text"'):
        read_records(path, needs=("image", "text"))


def test_an_id_stands_once(tmp_path: Path) -> None:
    path = written(tmp_path, *[json.dumps(GOOD | {"id": "a"})] * 2)
    with pytest.raises(UserError, match='line 2: the id "a" stands in line 1 already'):
        read_records(path)


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b'\n{"text": "caf\xe9"}\n')
    with pytest.raises(UserError, match="line 2: the text is not UTF-8"):
        read_records(path)


@pytest.mark.parametrize("name", ["none.jsonl", "broken.jsonl.gz"])
def test_a_missing_or_broken_file_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(gzip.compress(b"{}" * 99)[:-9])
    with pytest.raises(UserError, match=name):
        read_records(tmp_path / name)


def test_who_tells_faults_gets_the_other_records(tmp_path: Path) -> None:
    good = [json.dumps(GOOD | {"id": n}) for n in "ab"]
    path = written(tmp_path, good[0], "{", '{"text": 1}', good[0], "{}", good[1])
    told: list[UserError] = []
    found = read_records(path, needs=["image"], each_fault=told.append)
    assert [record["id"] for record in found] == ["a", "b"]
    assert [str(fault).partition(":")[0] for fault in told] == [
        f"{path}, line {number}" for number in (2, 3, 4, 5)
    ]
