"""STS-b in its two layouts, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlcli.data.published import text_pairs
from vlcli.data.sources import records
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text

BARE = 'main\tf\t2012\t1\t5.000\tA "plane is off.\tA plane leaves.\textra'
HEADED = "index\tsentence1\tsentence2\tscore\n0\ta\tb\t2.5"


def written(folder: Path, text: str, name: str = "sts-dev.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_pairs_without_a_header_stand_where_they_were_published(tmp_path: Path) -> None:
    (record,) = text_pairs(written(tmp_path, f"{BARE}\r\n\n"))
    assert record == {
        **{"id": "sts-dev-1", "score": 5.0},
        "texts": ['A "plane is off.', "A plane leaves."],
    }


def test_a_header_says_where_they_stand(tmp_path: Path) -> None:
    (record,) = text_pairs(written(tmp_path, HEADED))
    assert record == {"id": "sts-dev-2", "texts": ["a", "b"], "score": 2.5}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [("a\tb", "there are 2 columns; STS-b has"), (BARE.replace("5.000", "x"), '"x", no number')],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    path = written(tmp_path, f"{BARE}\n{line}\n")
    with pytest.raises(UserError) as caught:
        text_pairs(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert sentence in str(caught.value)


def test_a_split_is_read_below_data_root(tmp_path: Path) -> None:
    (tmp_path / "stsbenchmark").mkdir()
    written(tmp_path / "stsbenchmark", BARE)
    spec = read_spec_text(f'{{task: "alignment", data_root: "{tmp_path}"}}', "x").spec
    assert spec is not None
    assert len(records(spec.of_task("sts"), "valid", "valid", "sts")) == 1
    with pytest.raises(UserError, match="Stsbenchmark"):
        records(spec.of_task("sts"), "test", "test", "sts")
