"""RefCOCOg, UMD splits: expressions that mean one region of a picture.

Below data_root stand `RefCOCO/refcocog/refs(umd).p` (read without running what it holds) and
`RefCOCO/refcocog/instances.json`. Features of boxes, with a group for each number of a picture:
`RefCOCO/refcocog/features/<split>_boxes_GT.h5` (annotated) and, in validation and test without
RefCOCO_GT, `<split>_boxes_mattnet.h5` (detected). All other features and pixels are those of the
picture of COCO; regions to choose among are then the annotated ones, in every split.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from ..records import Record
from ..references import joined, other_root
from .asked import Asked
from .files import (
    a_list,
    a_picture,
    each_of,
    field,
    given,
    json_value,
    known_split,
    numbered,
    wrong,
)
from .pickled import pickled

SPLITS = ("train", "val", "test")
SLACK = 1.0  # pixels by which an annotated box may lie outside its picture: they are rounded
_WHAT = "{} of RefCOCOg (UMD splits); unpack refcocog.zip of github.com/lichengunc/refer in {}"


def refcoco(asked: Asked) -> list[Record]:
    """One record a sentence. All boxes are in pixels of the record's width and height.

    `box`, the right one, is x, y, x + w - 1, y + h - 1 of the annotation: with the published
    measure, where a box of x1 .. x2 is x2 - x1 + 1 pixels wide (the metric adds that 1, for both
    boxes), it covers w x h pixels. `boxes` are x, y, x + w, y + h, as the feature files have them.
    """
    known_split(asked.split, SPLITS, "The expressions of RefCOCOg")
    folder = asked.root / "RefCOCO" / "refcocog"
    where = f"{folder.parent}{other_root(asked.root)}"
    path = folder / "refs(umd).p"
    referred = a_list(pickled(path, _WHAT.format("The expressions", where)), path)
    instances = _Instances(folder / "instances.json", _WHAT.format("The boxes", where))

    def make(entry: dict[str, Any], place: str) -> list[Record]:
        ours = given(entry, "split", place) == asked.split
        return _records(asked, entry, instances, place) if ours else []

    found = each_of(numbered(referred, path, "entry"), make, asked.each_fault)
    return [record for records in found for record in records]


class _Instances:
    """Boxes and pictures of `instances.json` by their numbers."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        value = json_value(path, what)
        self.boxes = self._by_id(value, "annotations")
        self.pictures = self._by_id(value, "images")
        self.of_picture: dict[Any, list[dict[str, Any]]] = {}
        for each in self.boxes.values():
            self.of_picture.setdefault(each.get("image_id"), []).append(each)

    def _by_id(self, value: Any, name: str) -> dict[Any, dict[str, Any]]:
        held = a_list(field(value, name, self.path), self.path)
        if not all(isinstance(each, dict) and isinstance(each.get("id"), int) for each in held):
            raise UserError(
                f'{self.path}: "{name}" must be a list of objects with an "id".', exit_code=3
            )
        return {each["id"]: each for each in held}

    def picture(self, number: int, place: str) -> tuple[dict[str, Any], str]:
        if number not in self.pictures:
            raise UserError(f"{place}: {self.path} has no picture {number}.", exit_code=3)
        there = f"{self.path}, picture {number}"
        found = self.pictures[number]
        for side in ("width", "height"):
            if not _is_number(found.get(side)) or found[side] <= 0:
                wrong(side, "a number of pixels", there)
        return found, there

    def box(self, number: int, place: str) -> dict[str, Any]:
        if number not in self.boxes:
            raise UserError(f"{place}: {self.path} has no box {number}.", exit_code=3)
        return self.boxes[number]

    def corners(self, box: Mapping[str, Any], picture: Mapping[str, Any]) -> list[float]:
        """x, y, x + w, y + h of an annotation. UserError where it is no box of its picture."""
        there = f"{self.path}, box {box['id']}"
        sides = box.get("bbox")
        if not isinstance(sides, list) or len(sides) != 4 or not all(map(_is_number, sides)):
            wrong("bbox", "a list of four numbers", there)
        x, y, wide, high = map(float, sides)
        fits = x >= -SLACK and x + wide <= picture["width"] + SLACK
        fits = fits and y >= -SLACK and y + high <= picture["height"] + SLACK
        if not fits or wide <= 0 or high <= 0:
            raise UserError(f"{there}: it lies outside its picture.", exit_code=3)
        return [x, y, x + wide, y + high]


def _records(
    asked: Asked, entry: dict[str, Any], instances: _Instances, place: str
) -> list[Record]:
    number = _number(entry, "image_id", place)
    picture, there = instances.picture(number, place)
    right = instances.corners(instances.box(_number(entry, "ann_id", place), place), picture)
    shared: Record = {
        "image": _image(asked, number, picture, there),
        "box": [*right[:2], right[2] - 1, right[3] - 1],
        "width": picture["width"],
        "height": picture["height"],
        "ref_id": _number(entry, "ref_id", place),
    }
    if asked.feature_type != "butd":
        held = instances.of_picture[number]
        shared["boxes"] = [_inside(instances.corners(each, picture), picture) for each in held]
    return [{"id": id, "text": raw, **shared} for id, raw in _sentences(entry, place)]


def _sentences(entry: dict[str, Any], place: str) -> list[tuple[str, str]]:
    held = given(entry, "sentences", place)
    right = isinstance(held, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("raw"), str)
        and isinstance(each.get("sent_id"), int)
        for each in held
    )
    if not right:
        wrong("sentences", 'a list of objects with "raw" and "sent_id"', place)
    return [(str(each["sent_id"]), each["raw"]) for each in held]


def _image(asked: Asked, number: Any, picture: dict[str, Any], place: str) -> str:
    if asked.feature_type != "butd":
        return a_picture(picture, "file_name", place).partition(".")[0]
    annotated = asked.split == "train" or asked.annotated_boxes
    file = f"{asked.split}_boxes_{'GT' if annotated else 'mattnet'}.h5"
    return joined(f"RefCOCO/refcocog/features/{file}", str(number))


def _inside(box: list[float], picture: dict[str, Any]) -> list[float]:
    sides = (picture["width"], picture["height"]) * 2
    return [min(max(at, 0), side) for at, side in zip(box, sides, strict=True)]


def _number(entry: dict[str, Any], name: str, place: str) -> int:
    value = given(entry, name, place)
    return value if type(value) is int else wrong(name, "a whole number", place)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
