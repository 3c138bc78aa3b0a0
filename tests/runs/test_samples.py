"""What `samples.png` shows: boxes of what is right and what was chosen, pictures side by side."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from vlcli.contracts import Example, Prediction
from vlcli.runs.evaluate import Evaluation
from vlcli.runs.samples import GAP, MARGIN, PALE, RIGHT, SIDE, WRONG, draw_samples

LEFT, TOP = MARGIN, MARGIN  # of the first example on the sheet
RED, BLUE = (255, 0, 0), (0, 0, 255)


class Plain:
    """Pictures of one colour, 20 x 10 pixels or (`tall`) 10 x 20."""

    def open(self, name: str) -> Image.Image:
        colour, _, shape = name.partition(" ")
        return Image.new("RGB", (10, 20) if shape == "tall" else (20, 10), colour)

    def faults(self, names: Any) -> dict[str, str]:
        return {}


def drawn(folder: Path, example: Example, said: Prediction) -> np.ndarray:
    """The square of the one example, (SIDE, SIDE, 3)."""
    found = Evaluation(example.task, "test", {}, {}, [example], {example.id: said}, {}, {})
    reader: Any = SimpleNamespace(pictures=Plain())
    (path,) = draw_samples(found, reader, folder)
    sheet = np.asarray(Image.open(path))
    return sheet[TOP : TOP + SIDE, LEFT : LEFT + SIDE]


def meant(**fields: Any) -> Example:
    record = {"id": "1", "box": [0, 0, 10, 10], "width": 20, "height": 10}
    labels = {"<vis_extra_id_0>": 1.0}
    shown: dict[str, Any] = {"images": ("blue",), "labels": labels, "record": record, **fields}
    return Example("1", "refcoco", "the left", **shown)


def ends(square: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int] | None:
    """x1, y1, x2, y2 of all pixels of a colour."""
    rows, columns = np.nonzero((square == colour).all(-1))
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_the_right_box_and_a_wrong_one_are_drawn_where_they_are(tmp_path: Path) -> None:
    said = Prediction("1", "<vis_extra_id_1>", box=(0.5, 0.0, 1.0, 1.0))
    square = drawn(tmp_path, meant(), said)
    high, below = SIDE // 4, SIDE // 4 + SIDE // 2 - 1  # the picture is half as high as wide
    green, red = ends(square, RIGHT), ends(square, WRONG)
    assert green is not None
    assert red is not None
    assert green[:2] == (0, high)
    assert abs(green[2] - SIDE // 2) <= 1
    assert green[3] == below
    assert abs(red[0] - SIDE // 2) <= 1
    assert red[1:] == (high, SIDE - 1, below)
    assert tuple(square[SIDE // 2, SIDE // 4]) == BLUE
    assert tuple(square[0, 0]) == PALE
    alone = np.asarray(Image.open(tmp_path / "first.png"))
    assert (alone == BLUE).all()


def test_a_right_choice_is_green(tmp_path: Path) -> None:
    said = Prediction("1", "<vis_extra_id_0>", box=(0.0, 0.0, 0.5, 1.0))
    square = drawn(tmp_path, meant(), said)
    assert ends(square, WRONG) is None
    assert ends(square, RIGHT) is not None


def test_two_pictures_stand_side_by_side(tmp_path: Path) -> None:
    pair = Example("1", "nlvr", "both", images=("red tall", "blue tall"), labels={"true": 1.0})
    square = drawn(tmp_path, pair, Prediction("1", "true"))
    wide = (SIDE - GAP) // 2
    first, second = ends(square, RED), ends(square, BLUE)
    assert first is not None
    assert second is not None
    assert first[2] < wide < wide + GAP <= second[0]
    for one in (first, second):
        assert abs((one[3] - one[1]) - 2 * (one[2] - one[0])) <= 2
    assert ends(square, RIGHT) is None
