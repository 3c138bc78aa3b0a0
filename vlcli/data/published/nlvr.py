"""NLVR2: a sentence about a pair of pictures, `nlvr/<split>.json` below data_root.

Features: `nlvr/features/<split>_obj36.h5` and `nlvr/clip_features`; pictures: `nlvr/images/*.png`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from vlcli.spec.problem import UserError

from ..records import Record
from .asked import Asked
from .files import a_picture, a_text, an_id, each_of, entries, no_split, wrong

SENTENCE = 2  # the field of an identifier that counts the pairs of pictures of one sentence
_LABELS = (0, 1, "True", "False", "true", "false")


def nlvr(asked: Asked) -> list[Record]:
    """Sentences with their pairs of pictures. The `group` of a record holds all pairs of its
    sentence: consistency is judged by group."""
    folder = asked.root / "nlvr"
    there = (path.stem for path in folder.glob("*.json"))
    whose = "NLVR2, part of the data of VL-T5"
    what = no_split(asked.split, "sentences", whose, there, asked.root)
    found = entries(folder / f"{asked.split}.json", what)
    return each_of(found, partial(_record, asked), asked.each_fault)


def _record(asked: Asked, entry: dict[str, Any], place: str) -> Record:
    identifier = an_id(entry, "identifier", place)
    fields = identifier.split("-")
    if len(fields) <= SENTENCE:
        raise UserError(
            f'{place}: "identifier" must look like train-10171-0-0, not {identifier}.', exit_code=3
        )
    fields[SENTENCE] = ""
    images = [_image(asked, a_picture(entry, side, place)) for side in ("img0", "img1")]
    record: Record = {
        "id": identifier,
        "image": images,
        "text": a_text(entry, "sent", place),
        "group": "-".join(fields),
        "identifier": identifier,
    }
    if entry.get("uid") is not None:
        record["uid"] = entry["uid"]
    if entry.get("label") is not None:
        label = entry["label"]
        right = isinstance(label, (bool, int, str)) and label in _LABELS
        record["label"] = label if right else wrong("label", "0 or 1, or true or false", place)
    return record


def _image(asked: Asked, name: str) -> str:
    return asked.image(
        name,
        folder="nlvr",
        boxes=f"nlvr/features/{asked.split}_obj36.h5",
        picture=f"nlvr/images/{name}.png",
    )
