"""VQA v2 and GQA: questions with soft labels, and what ten people answered.

Below data_root stand `vqa/<split>.json`, the official
`vqa/v2_mscoco_{train,val}2014_annotations.json` and `GQA/<split>.json`. A record's `image` is the
published name of its picture, such as COCO_val2014_000000000042, or 1592 of Visual Genome. GQA's
testdev has files of its own (`GQA/features/gqa_testdev_obj36.h5`, `GQA/clip_features`), and so have
the pixels of testdev and submit (`GQA/images`); the features of submit are among those of Visual
Genome.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from ..records import Record, Tell, checked, stop
from ..references import other_root, year
from .asked import Asked
from .files import (
    Entries,
    a_list,
    a_picture,
    each_of,
    entries,
    field,
    json_value,
    no_split,
    numbered,
)

_OFFICIAL = "What ten people answered; unpack v2_Annotations_{}_mscoco.zip of visualqa.org there"


def vqa(asked: Asked) -> list[Record]:
    """Questions of VQA v2; training needs the ten answers for raw_label alone."""
    with_answers = not asked.training or asked.raw_label
    return questions(asked.root, asked.split, with_answers, asked.each_fault)


def gqa(asked: Asked) -> list[Record]:
    """Questions of GQA."""

    def make(entry: dict[str, Any], place: str) -> Record:
        record = _question(entry, place)
        return record | {"image": _gqa_image(asked, a_picture(record, "image", place))}

    path = asked.root / "GQA" / f"{asked.split}.json"
    return each_of(_entries(path, asked.split, "GQA"), make, asked.each_fault)


def _gqa_image(asked: Asked, name: str) -> str:
    own = asked.split == "testdev" or (asked.sees_pixels and asked.split.startswith("submit"))
    if not own:
        return name
    return asked.image(
        name,
        folder="GQA",
        boxes="GQA/features/gqa_testdev_obj36.h5",
        picture=f"GQA/images/{name}.jpg",
    )


def questions(root: Path, split: str, with_answers: bool, each_fault: Tell = stop) -> list[Record]:
    """The questions of a split of VQA v2.

    `with_answers` gives each question of a train2014 or val2014 picture the ten answers of the
    official annotations, if it has none of its own. UserError names a missing file and what makes
    it, or the entry that holds something else than it should.
    """
    asked = _entries(root / "vqa" / f"{split}.json", split, "VQA v2")
    found = each_of(asked, _question, each_fault)
    return _with_answers(found, root / "vqa", each_fault) if with_answers else found


def _entries(path: Path, split: str, name: str) -> Entries:
    whose = f"{name}, part of the data of VL-T5"
    what = no_split(split, "questions", whose, _splits(path.parent), path.parent.parent)
    return entries(path, what)


def _question(entry: dict[str, Any], place: str) -> Record:
    entry = checked(entry, place)
    text = entry.get("sent", entry.get("question"))
    number, image = entry.get("question_id"), entry.get("img_id")
    for name, value in (("sent", text), ("question_id", number), ("img_id", image)):
        if value is None:
            raise UserError(f'{place}: the question has no "{name}".', exit_code=3)
    return checked({**entry, "id": number, "image": image, "text": text}, place) | {
        "id": str(number)
    }


def _with_answers(found: list[Record], folder: Path, each_fault: Tell) -> list[Record]:
    """The records, each with what ten people answered, where that is published."""
    wanted: dict[str, list[Record]] = {}
    for record in found:
        part = year(record["image"])
        if "answers" not in record and part in ("train2014", "val2014"):
            wanted.setdefault(part, []).append(record)
    given: dict[str, dict[str, Any]] = {}
    lacking: set[str] = set()
    for part, records in wanted.items():
        path = folder / f"v2_mscoco_{part}_annotations.json"
        held = _official(path, part, {record["id"] for record in records}, each_fault)
        for record in records:
            if record["id"] not in held:
                each_fault(UserError(f"{path} has no answers to the question {record['id']}."))
                lacking.add(record["id"])
        given |= held
    whole = (record for record in found if record["id"] not in lacking)
    return [{**given.get(record["id"], {}), **record} for record in whole]


def _official(
    path: Path, part: str, asked: set[str], each_fault: Tell
) -> dict[str, dict[str, Any]]:
    """Answers and their type by question, of the official annotations of one part of COCO."""
    year_less = part.removesuffix("2014").capitalize()
    what = _OFFICIAL.format(year_less) + other_root(path.parent.parent)
    held = a_list(field(json_value(path, what), "annotations", path), path)
    wanted = (
        (place, each)
        for place, each in numbered(held, path, "annotation")
        if isinstance(each, dict) and str(each.get("question_id")) in asked
    )
    return dict(each_of(wanted, _answered, each_fault))


def _answered(entry: dict[str, Any], place: str) -> tuple[str, dict[str, Any]]:
    """The number of a question, its answers and their type."""
    checked(entry, place)
    answers = [a["answer"] if isinstance(a, dict) else a for a in entry.get("answers", ())]
    kind = {"answer_type": entry["answer_type"]} if "answer_type" in entry else {}
    return str(entry["question_id"]), {"answers": answers, **kind}


def _splits(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.json")):
        if not path.stem.startswith(("v2_", "trainval_")):
            yield path.stem
