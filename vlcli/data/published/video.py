"""Clips with questions or captions: TVQA, How2QA, TVC, YC2C, and ActivityNet-QA.

Below `video` stand `ann/{tv,how2,yc2}_subtitles.jsonl`, `ann/<task>/<task>_<split>.jsonl`, and
features in `vis_features/{tv,how2,yc2}/clip-vit/<clip>.npz`, which is what `image` names, whatever
feature_type says: clips have no other published form. ActivityNet-QA has
`ActivityNet-QA/<split>.csv` and `ActivityNet-QA/s3d.pth#<clip>`.
"""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from ..records import Record
from ..references import joined, other_root
from .asked import Asked
from .files import (
    Entries,
    a_picture,
    a_position,
    a_text,
    an_id,
    each_of,
    given,
    json_lines,
    no_split,
    objects,
    text,
    wrong,
)

SOURCE = {"tvqa": "tv", "tvc": "tv", "how2qa": "how2", "yc2c": "yc2"}
CHOICES = {"tvqa": 5, "how2qa": 4}
ACTIVITY_KINDS = (
    "motion",
    "spatial_relation",
    "temporal_relation",
    "yes_no",
    "color",
    "object",
    "location",
    "number",
    "other",
)
_WHERE = "{}, which the VALUE benchmark gives away (value-benchmark.github.io){}"


def choices(asked: Asked) -> list[Record]:
    """Questions of tvqa or how2qa with answers to choose from; those of a test have no label."""
    subtitles = _Subtitles(asked)
    make = partial(_question, asked, subtitles)
    return each_of(_annotations(asked), make, asked.each_fault)


def captions(asked: Asked) -> list[Record]:
    """Clips of tvc or yc2c with all their captions; those of the test split have none."""
    subtitles = _Subtitles(asked)
    make = partial(_clip, asked, subtitles)
    return each_of(_annotations(asked), make, asked.each_fault)


def activitynet(asked: Asked) -> list[Record]:
    """Questions about clips; `kind` names what they are about."""
    folder = asked.root / "video" / "ActivityNet-QA"
    there = (path.stem for path in folder.glob("*.csv"))
    what = no_split(asked.split, "questions", "ActivityNet-QA", there, asked.root)
    path = folder / f"{asked.split}.csv"
    seen: dict[str, int] = {}

    def make(row: dict[str, Any], place: str) -> Record:
        clip = a_picture(row, "video_id", place)
        seen[clip] = seen.get(clip, 0) + 1
        kind = row.get("type") or ""
        if not kind.isdecimal() or int(kind) >= len(ACTIVITY_KINDS):
            wrong("type", f"a number from 0 to {len(ACTIVITY_KINDS) - 1}", place)
        record: Record = {
            "id": f"{clip}_{seen[clip]}",
            "image": joined("video/ActivityNet-QA/s3d.pth", clip),
            "text": a_text(row, "question", place),
            "kind": ACTIVITY_KINDS[int(kind)],
        }
        if row.get("answer") is not None:
            record["answers"] = [row["answer"]]
        return record

    return each_of(_rows(path, what), make, asked.each_fault)


def _rows(path: Path, what: str) -> Entries:
    """The rows of a table whose first line names its columns, each with its place."""
    table = csv.DictReader(io.StringIO(text(path, what), newline=""), strict=True)
    try:
        for row in table:
            yield f"{path}, line {table.line_num}", row
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as CSV: {error}.") from error


def _annotations(asked: Asked) -> Entries:
    folder = asked.root / "video" / "ann" / asked.task
    there = (each.stem.partition("_")[2] for each in folder.glob(f"{asked.task}_*.jsonl"))
    things = "questions" if asked.task in CHOICES else "captions"
    whose = _WHERE.format(asked.task, "")
    what = no_split(asked.split, things, whose, there, asked.root)
    return json_lines(folder / f"{asked.task}_{asked.split}.jsonl", what)


class _Subtitles:
    """What is said in clips, by their names."""

    def __init__(self, asked: Asked) -> None:
        source = SOURCE[asked.task]
        self.path = asked.root / "video" / "ann" / f"{source}_subtitles.jsonl"
        what = _WHERE.format(f"What is said in the clips of {source}", other_root(asked.root))
        self._said = dict(each_of(json_lines(self.path, what), _subtitled, asked.each_fault))

    def of(self, clip: str, place: str) -> str:
        if clip not in self._said:
            raise UserError(f"{place}: {self.path} has no clip {clip}.", exit_code=3)
        return self._said[clip]


def _subtitled(entry: dict[str, Any], place: str) -> tuple[str, str]:
    """The name of a clip, and all that is said in it."""
    said = [a_text(each, "text", place).strip() for each in objects(entry, "sub", place)]
    return a_text(entry, "vid_name", place), " ".join(said)


def _shared(asked: Asked, entry: dict[str, Any], said: _Subtitles, place: str) -> Record:
    clip = a_picture(entry, "vid_name", place)
    return {
        "image": f"video/vis_features/{SOURCE[asked.task]}/clip-vit/{clip}.npz",
        "subtitles": said.of(clip, place),
        "vid_name": clip,
    }


def _question(asked: Asked, said: _Subtitles, entry: dict[str, Any], place: str) -> Record:
    many = CHOICES[asked.task]
    record: Record = {
        "id": an_id(entry, "qid", place),
        **_shared(asked, entry, said, place),
        "text": a_text(entry, "q", place).strip(),
        "choices": [a_text(entry, f"a{n}", place) for n in range(many)],
        "kind": a_text(entry, "show_name", place) if asked.task == "tvqa" else asked.task,
        "qid": entry["qid"],
    }
    if entry.get("ts") is not None:
        record["time"] = str(entry["ts"])
    if entry.get("answer_idx") is not None:
        record["label"] = a_position(entry, "answer_idx", many, place)
    return record


def _clip(asked: Asked, said: _Subtitles, entry: dict[str, Any], place: str) -> Record:
    record: Record = {
        "id": an_id(entry, "clip_id", place),
        **_shared(asked, entry, said, place),
        "clip_id": entry["clip_id"],
    }
    if asked.task == "tvc":
        record["time"] = str(given(entry, "ts", place))
        record["ts"] = entry["ts"]
    if entry.get("descs"):
        record["captions"] = [a_text(e, "desc", place) for e in objects(entry, "descs", place)]
    return record
