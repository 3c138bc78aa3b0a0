"""VCR: a question with four answers and four reasons, `VCR/<split>.jsonl` below data_root.

Features: the annotated boxes of `VCR/features/<split>_boxes_GT.h5`, filled up with the detected
ones of `<split>_boxes36.h5`; or `VCR/clip_features`; pictures: `VCR/vcr1images`. A text names a
region by what it shows and the number of its box, "person <vis_extra_id_0>".
"""

from __future__ import annotations

from functools import partial
from typing import Any

import h5py  # type: ignore[import-untyped]

from vlcli.spec.problem import UserError

from ..records import Record
from ..references import is_below
from .asked import Asked
from .files import (
    a_picture,
    a_position,
    a_text,
    an_id,
    each_of,
    given,
    json_lines,
    no_split,
    wrong,
)

CHOICES = 4
# Between a word and a mark, the words of a text have a space that writing does not.
_MARKS = ((" ?", "?"), (" '", "'"), (" !", "!"), (" .", "."), (" ,", ","))


def vcr(asked: Asked) -> list[Record]:
    """Questions with their choices; those of the test split have no labels."""
    folder = asked.root / "VCR"
    there = (path.stem for path in folder.glob("*.jsonl"))
    whose = "VCR; unpack vcr1annots.zip of visualcommonsense.com there"
    what = no_split(asked.split, "questions", whose, there, asked.root)
    names = _Objects(asked)
    found = json_lines(folder / f"{asked.split}.jsonl", what)
    return each_of(found, partial(_record, asked, names), asked.each_fault)


def pretrain_vcr(asked: Asked) -> list[Record]:
    """One record a picture, with all its questions: records of `vcr` without the picture. What the
    regions show is in the features."""
    found: dict[str, Record] = {}
    for record in vcr(asked):
        image = record.pop("image")
        name = record["img_id"]
        shown = found.setdefault(name, {"id": name, "image": image, "questions": []})
        shown["questions"].append(record)
    return list(found.values())


def flat(tokens: list[Any], names: list[str]) -> str:
    """Tokens as a text: a list of numbers stands for regions, joined by "and". IndexError for a
    region that has no name."""
    words: list[str] = []
    for token in tokens:
        if not isinstance(token, list):
            words.append(token)
            continue
        for place, number in enumerate(token):
            words += ["and"] * (place > 0) + [names[number], f"<vis_extra_id_{number}>"]
    text = " ".join(words)
    for spaced, mark in _MARKS:
        text = text.replace(spaced, mark)
    return " ".join(text.split())


def _record(asked: Asked, objects: _Objects, entry: dict[str, Any], place: str) -> Record:
    image = a_picture(entry, "img_id", place)
    names = objects.of(entry, image, place)
    record: Record = {
        "id": an_id(entry, "annot_id", place),
        "image": _image(asked, entry, image, place),
        "text": _text(given(entry, "question", place), names, "question", place),
        "choices": _choices(entry, "answer_choices", names, place),
        "rationales": _choices(entry, "rationale_choices", names, place),
        "img_id": image,
    }
    if entry.get("question_number") is not None:
        record["question_number"] = entry["question_number"]
    if asked.split != "test" or "answer_label" in entry:
        record["label"] = a_position(entry, "answer_label", CHOICES, place)
        record["rationale_label"] = a_position(entry, "rationale_label", CHOICES, place)
    return record


def _image(asked: Asked, entry: dict[str, Any], name: str, place: str) -> str:
    picture = f"VCR/vcr1images/{entry.get('img_fn', '')}"
    if asked.sees_pixels and not is_below(a_text(entry, "img_fn", place)):
        wrong("img_fn", "the path of a picture below VCR/vcr1images", place)
    return asked.image(
        name,
        folder="VCR",
        boxes=f"VCR/features/{asked.split}_boxes_GT.h5+{asked.split}_boxes36.h5",
        picture=picture,
    )


def _choices(entry: dict[str, Any], name: str, names: list[str], place: str) -> list[str]:
    held = given(entry, name, place)
    if not isinstance(held, list) or len(held) != CHOICES:
        wrong(name, f"a list of {CHOICES} lists of words", place)
    return [_text(tokens, names, name, place) for tokens in held]


def _text(tokens: Any, names: list[str], name: str, place: str) -> str:
    if not isinstance(tokens, list) or not all(_is_token(token) for token in tokens):
        wrong(name, "a list of words and of lists of regions' numbers", place)
    try:
        return flat(tokens, names)
    except IndexError:
        raise UserError(
            f'{place}: "{name}" speaks of a region that is none of the {len(names)} of "objects".',
            exit_code=3,
        ) from None


def _is_token(token: Any) -> bool:
    if isinstance(token, str):
        return True
    return isinstance(token, list) and all(isinstance(n, int) and n >= 0 for n in token)


class _Objects:
    """What the annotated regions of pictures show: as the annotations say (`objects`), else as the
    features of the annotated boxes do (`captions`)."""

    def __init__(self, asked: Asked) -> None:
        self._path = asked.root / "VCR" / "features" / f"{asked.split}_boxes_GT.h5"
        self._stored: dict[str, list[str]] = {}

    def of(self, entry: dict[str, Any], image: str, place: str) -> list[str]:
        names = entry.get("objects")
        if names is None:
            if image not in self._stored:
                self._stored[image] = self._read(image, place)
            return self._stored[image]
        right = isinstance(names, list) and all(isinstance(each, str) for each in names)
        return names if right else wrong("objects", "a list of texts", place)

    def _read(self, image: str, place: str) -> list[str]:
        missing = f'{place}: there is no "objects", and {self._path} has no captions of {image}'
        try:
            with h5py.File(self._path, "r") as file:
                held = file[image]["captions"].asstr()[()].flatten().tolist()
        except (OSError, KeyError, TypeError, RuntimeError, ValueError, AttributeError) as error:
            raise UserError(f"{missing}.", exit_code=3) from error
        return list(map(str, held))
