"""Your own .csv and .tsv files: a record for each picture, and the sentences for what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.data.sources import records
from vlcli.data.tables import Columns, read_table
from vlcli.spec.problem import UserError

PLAIN = Columns()


def written(folder: Path, *lines: str, name: str = "pairs.tsv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_rows_of_one_picture_are_its_captions(tmp_path: Path) -> None:
    lines = ["filepath\ttitle", "a.jpg\ta cat", "b.jpg\t ein Hündchen ", "", "a.jpg\tit sleeps"]
    assert read_table(written(tmp_path, *lines), PLAIN) == [
        {"id": "a.jpg", "image": "a.jpg", "captions": ["a cat", "it sleeps"]},
        {"id": "b.jpg", "image": "b.jpg", "captions": ["ein Hündchen"]},
    ]


def test_a_picture_without_others_keeps_its_caption_whole(tmp_path: Path) -> None:
    (record,) = read_table(written(tmp_path, "filepath\ttitle", "a.jpg\ta cat"), PLAIN)
    assert record["captions"] == ["a cat"]


def test_columns_and_what_parts_them_are_as_told(tmp_path: Path) -> None:
    lines = ["split;text;file;label", 'train;"a; b\nc";a.jpg;cat', "valid;d;b.jpg;"]
    path = written(tmp_path, *lines, name="pairs.csv")
    first, second = read_table(path, Columns("file", "text", ";"))
    assert first == {
        **{"id": "a.jpg", "image": "a.jpg", "label": "cat", "split": "train"},
        "captions": ["a; b\nc"],
    }
    assert second["split"] == "valid"


def test_a_packed_csv_has_commas(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv.gz"
    path.write_bytes(gzip.compress(b"filepath,title\na.jpg,a cat\n"))
    assert read_table(path, PLAIN)[0]["captions"] == ["a cat"]


def test_pictures_with_a_label_need_no_caption(tmp_path: Path) -> None:
    path = written(tmp_path, "filepath\tlabel", "a.jpg\tcat")
    assert read_table(path, PLAIN) == [{"id": "a.jpg", "image": "a.jpg", "label": "cat"}]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            ["a\tb", "1\t2"],
            'line 1: there is no column "filepath"; there are a, b. Set csv_img_key',
        ),
        (["filepath,title"], 'line 1: there is no column "filepath"; there are filepath,title.'),
        (["filepath\tb", "1\t2"], 'line 1: there is no column "title"; there are filepath, b.'),
        ([], 'line 1: there is no column "filepath"; there are none.'),
        (["filepath\ttitle", "a.jpg\ta", "\tb"], 'line 3: there is no "filepath".'),
        (["filepath\ttitle", "a.jpg\t "], 'line 2: there is no "title".'),
        (["filepath\ttitle", "a.jpg\ta\tb"], "line 2: there are 3 cells in 2 columns."),
        (
            ["filepath\ttitle\tlabel", "a.jpg\ta\tcat", "a.jpg\tb\tdog"],
            "line 3: a.jpg has another label or split or kind in an earlier row.",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(
    tmp_path: Path, lines: list[str], sentence: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(UserError) as caught:
        read_table(path, PLAIN)
    assert str(caught.value).startswith(f"{path}, ")
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 3


def test_who_tells_faults_gets_the_other_rows(tmp_path: Path) -> None:
    told: list[UserError] = []
    path = written(tmp_path, "filepath\ttitle", "a.jpg\ta", "\tb", "c.jpg\tc")
    assert [each["id"] for each in read_table(path, PLAIN, told.append)] == ["a.jpg", "c.jpg"]
    assert len(told) == 1


def test_a_run_reads_the_rows_of_a_role_with_its_pictures(tmp_path: Path) -> None:
    path = written(tmp_path, "split,file,title", "train,a.jpg,a", "val,b.jpg,b", name="own.csv")
    args = VLSpec(feature_type="patch", csv_img_key="file", images=str(tmp_path))
    (record,) = records(args, str(path), "valid", "alignment")
    assert record["image"] == str(tmp_path / "b.jpg")
    assert record["captions"] == ["b"]
