"""`feature_type: "stored:PATH"`: what a spec knows of a feature store, from its index alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vlcli.cli.screen import exit_code
from vlcli.spec.read import Reading, read_spec_text
from vlcli.spec.stores import INDEX, Index, part_of, path_of, read_index, written
from vlcli.spec.summary import summary


def store(path: Path, **facts: Any) -> Path:
    """A store with an index and no features."""
    held: dict[str, Any] = {"records": 5, "tokens": 49, "width": 1280, "dtype": "float16"}
    held |= {"grid": (7, 7), "encoder": {}, "source": {}, "skipped": 0, "digests": {}}
    path.mkdir()
    (path / INDEX).write_bytes(written(Index(**{**held, **facts})))
    return path


def read(path: Path | str, more: str = "") -> Reading:
    text = f'{{ task: "vqa", use_adapter: true, feature_type: "stored:{path}", {more} }}'
    return read_spec_text(text)


def test_width_and_tokens_come_from_the_store(tmp_path: Path) -> None:
    reading = read(store(tmp_path / "feats"))
    assert reading.problems == ()
    assert (reading.values["feat_dim"], reading.origins["feat_dim"]) == (1280, "from feature_type")
    assert "features (49 x 1280)" in summary(reading)


def test_an_index_reads_back_as_it_was_written(tmp_path: Path) -> None:
    index = read_index(store(tmp_path / "feats", encoder={"size": 224, "mean": [0.5]}))
    assert (index.records, index.grid, index.encoder["size"]) == (5, (7, 7), 224)
    assert index.row_bytes == 1280 * 2


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        ("feat_dim: 2048", "R66", "feat_dim is 2048 and stored:{path} features are 1280 wide."),
        ("patch_size: 8", "N1", "patch_size"),
        ("image_size: 224", "R77", "image_size"),
        ("vis_pooling_output: true", "R54", "stored:{path} features have none."),
        ("downsample: true, n_boxes: 64", "R50", "pictures have only 49."),
        ('dataset: "shapes"', "R151", "feature_type stored:{path} reads stored features."),
    ],
)
def test_the_rules_know_a_store(tmp_path: Path, more: str, code: str, message: str) -> None:
    path = store(tmp_path / "feats")
    (problem,) = read(path, more).problems
    assert problem.code == code
    assert message.format(path=path) in problem.message


def test_more_than_a_hundred_tokens_are_warned_of_with_a_fix_that_works(tmp_path: Path) -> None:
    path = store(tmp_path / "feats", tokens=196, grid=(14, 14))
    (problem,) = read(path).problems
    assert (problem.code, problem.severity) == ("R70", "warning")
    assert "Set downsample: true with n_boxes: 100" in problem.fix
    assert read(path, "downsample: true, n_boxes: 100").problems == ()


def test_a_missing_store_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    (problem,) = read(path).problems
    assert (problem.code, problem.path) == ("F3", "feature_type")
    assert problem.message == f"There is no feature store {path}."
    assert problem.fix == (
        f"Make one with `vlcli features extract IMAGES {path} --encoder timm:NAME`."
    )
    assert exit_code([problem]) == 4


def test_an_unfinished_or_changed_store_is_told(tmp_path: Path) -> None:
    part_of(tmp_path / "half").mkdir()
    (problem,) = read(tmp_path / "half").problems
    assert problem.message == f"The feature store {tmp_path / 'half'} is not finished."
    path = store(tmp_path / "feats")
    index = (path / INDEX).read_text()
    (path / INDEX).write_text(index.replace("1280", "1281"))
    (problem,) = read(path).problems
    assert problem.message == f"{path / INDEX} has changed since it was written."
    (path / INDEX).write_text("[]")
    assert [each.code for each in read(path).problems] == ["F3"]


def test_the_text_only_twin_needs_no_store(tmp_path: Path) -> None:
    codes = [each.code for each in read(tmp_path / "gone", "use_vision: false").problems]
    assert codes == ["N2"]


def test_a_path_with_colons_and_spaces_stays_whole() -> None:
    assert path_of("stored:a b:c/d") == Path("a b:c/d")
    assert path_of("patch") is None
