"""The published annotation files of VQA v2 and COCO captions, as records.

Below data_root stand `vqa/<split>.json` (questions with soft labels), the official
`vqa/v2_mscoco_{train,val}2014_annotations.json` (what ten people answered), and
`COCO/dataset_coco.json` (captions with Karpathy's splits). A record's `image` is the published
name of its picture, such as COCO_val2014_000000000042.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from .records import Record, checked

CAPTION_SPLITS = {
    "karpathy_train": ("train", "restval"),
    "karpathy_val": ("val",),
    "karpathy_test": ("test",),
}
_YEAR = re.compile(r"(?:train|val|test)20\d\d")
_OFFICIAL = "What ten people answered; unpack v2_Annotations_{}_mscoco.zip of visualqa.org there"


def year(image: str) -> str | None:
    """The part of COCO that a picture is of, such as val2014; None for one of no COCO name."""
    found = _YEAR.search(image)
    return found[0] if found else None


def picture_path(root: Path, image: str) -> Path:
    """Where the published layout has a picture of COCO or Visual Genome."""
    part = year(image)
    return root / "COCO" / "images" / part / f"{image}.jpg" if part else _genome(root, image)


def _genome(root: Path, image: str) -> Path:
    return root / "VG" / "images" / f"{image}.jpg"


def questions(root: Path, split: str, with_answers: bool) -> list[Record]:
    """The questions of a split of VQA v2.

    `with_answers` gives each question of a train2014 or val2014 picture the ten answers of the
    official annotations, if it has none of its own. UserError names a missing file and what makes
    it, or the entry that holds something else than it should.
    """
    path = root / "vqa" / f"{split}.json"
    entries = _list(_read(path, _no_split(path, split)), path)
    found = [_question(entry, f"{path}, entry {n}") for n, entry in enumerate(entries, start=1)]
    return _with_answers(found, root / "vqa") if with_answers else found


def captions(root: Path, split: str) -> list[Record]:
    """The pictures of a Karpathy split with their captions."""
    if split not in CAPTION_SPLITS:
        raise UserError(
            f'COCO captions have no split "{split}"; they have {", ".join(CAPTION_SPLITS)}.',
            exit_code=3,
        )
    path = root / "COCO" / "dataset_coco.json"
    what = (
        "COCO captions with Karpathy's splits; unpack caption_datasets.zip of his page "
        f"cs.stanford.edu/people/karpathy/deepimagesent there{_other_root(path)}"
    )
    images = _list(_field(_read(path, what), "images", path), path)
    return [
        _captioned(image, f"{path}, image {number}")
        for number, image in enumerate(images, start=1)
        if not isinstance(image, dict) or image.get("split") in CAPTION_SPLITS[split]
    ]


def _question(entry: Any, place: str) -> Record:
    entry = checked(entry, place)
    text = entry.get("sent", entry.get("question"))
    number, image = entry.get("question_id"), entry.get("img_id")
    for field, value in (("sent", text), ("question_id", number), ("img_id", image)):
        if value is None:
            raise UserError(f'{place}: the question has no "{field}".', exit_code=3)
    return checked({**entry, "id": number, "image": image, "text": text}, place) | {
        "id": str(number)
    }


def _with_answers(found: list[Record], folder: Path) -> list[Record]:
    """The records, each with what ten people answered, where that is published."""
    wanted: dict[str, list[Record]] = {}
    for record in found:
        part = year(record["image"])
        if "answers" not in record and part in ("train2014", "val2014"):
            wanted.setdefault(part, []).append(record)
    given: dict[str, dict[str, Any]] = {}
    for part, records in wanted.items():
        given |= _official(folder / f"v2_mscoco_{part}_annotations.json", part, records)
    return [{**given.get(record["id"], {}), **record} for record in found]


def _official(path: Path, part: str, records: list[Record]) -> dict[str, dict[str, Any]]:
    """Answers and their type by question, of the official annotations of one part of COCO."""
    what = _OFFICIAL.format(part.removesuffix("2014").capitalize()) + _other_root(path)
    asked = {record["id"] for record in records}
    found: dict[str, dict[str, Any]] = {}
    entries = _list(_field(_read(path, what), "annotations", path), path)
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or str(entry.get("question_id")) not in asked:
            continue
        checked(entry, f"{path}, annotation {number}")
        answers = [a["answer"] if isinstance(a, dict) else a for a in entry.get("answers", ())]
        kind = {"answer_type": entry["answer_type"]} if "answer_type" in entry else {}
        found[str(entry["question_id"])] = {"answers": answers, **kind}
    missing = next((record["id"] for record in records if record["id"] not in found), None)
    if missing is not None:
        raise UserError(f"{path} has no answers to the question {missing}.")
    return found


def _captioned(image: Any, place: str) -> Record:
    image = checked(image, place)
    name, sentences = image.get("filename"), image.get("sentences")
    if not isinstance(name, str) or not name:
        raise UserError(f'{place}: the image has no "filename".', exit_code=3)
    right = isinstance(sentences, list) and all(
        isinstance(each, dict) and isinstance(each.get("raw"), str) for each in sentences
    )
    if not right or not sentences:
        raise UserError(f'{place}: "sentences" must be a list of objects with "raw".', exit_code=3)
    stem = name.partition(".")[0]
    return {"id": stem, "image": stem, "captions": [each["raw"].strip() for each in sentences]}


def _no_split(path: Path, split: str) -> str:
    known = ", ".join(_splits(path.parent))
    there = f"; splits there: {known}" if known else _other_root(path)
    return f'The questions of the split "{split}" of VQA v2, part of the data of VL-T5{there}'


def _splits(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.json")):
        if not path.stem.startswith(("v2_", "trainval_")):
            yield path.stem


def _other_root(path: Path) -> str:
    return f", or set data_root (now {path.parent.parent}) to the folder that holds the data"


def _read(path: Path, what: str) -> Any:
    """The value of a JSON file; `what` says, if it is missing, what it is and what makes it."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. {what}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}.") from error


def _field(value: Any, name: str, path: Path) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise UserError(f'{path} has no "{name}".', exit_code=3)
    return value[name]


def _list(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise UserError(f"{path} holds no list where one is expected.", exit_code=3)
    return value
