"""Records of your own data: one JSON object a line, checked field by field.

Fields: `image` (a path, or a list of them), `text`, and of `answers`, `captions`, `label`, `box`
the one that a task learns from; `split`, `id`, `kind` (groups results) and `group` (examples that
belong together) may stand beside. Further fields are kept as they are.

Boxes are x1, y1, x2, y2: pixels where the record has the picture's `width` and `height`, else
shares of them. `boxes` are regions to choose among and `names` what they show. `choices` are the
answers to choose from and `label` the number of the right one; `rationales` and `rationale_label`
their reasons. `subtitles` are what is said in a clip and `time` what part of it is meant. Two
`texts` have a `score` of how alike they are.
`questions` is a list of such records about one picture, without the picture.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from vlcli.spec.problem import UserError

Record = dict[str, Any]
Tell = Callable[[UserError], None]


def stop(fault: UserError) -> NoReturn:
    """What is done with a fault by default; who tells them all goes on without what is wrong."""
    raise fault


def read_records(
    path: str | Path, needs: Sequence[str] = (), each_fault: Tell = stop
) -> list[Record]:
    """The records of a .jsonl or .jsonl.gz file; blank lines are passed over.

    Each gets an `id` if it has none: the name of the file and the line. UserError names the file
    and the line of what is no object, lacks a field of `needs`, holds a wrong type or repeats an
    id; where `each_fault` does not raise it, the line is left out.
    """
    path = Path(path)
    records: list[Record] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            record = _record(line, place, needs)
            record.setdefault("id", f"{path.name.split('.')[0]}-{number}")
            record["id"] = str(record["id"])
            if record["id"] in seen:
                before = seen[record["id"]]
                raise UserError(
                    f'{place}: the id "{record["id"]}" stands in line {before} already.',
                    exit_code=3,
                )
        except UserError as fault:
            each_fault(fault)
            continue
        seen[record["id"]] = number
        records.append(record)
    return records


def text_of(path: Path) -> str:
    """The text of a file, unpacked where it ends in .gz."""
    try:
        held = path.read_bytes()
        return (gzip.decompress(held) if path.suffix == ".gz" else held).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: the text is not UTF-8.") from error
    except (EOFError, OSError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error


def _record(line: str, place: str, needs: Sequence[str]) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: this is not JSON ({error}).", exit_code=3) from error
    record = checked(record, place)
    for field in needs:
        if field not in record:
            raise UserError(f'{place}: the record has no "{field}".', exit_code=3)
    return record


def checked(record: object, place: str) -> Record:
    """The record, if it is an object whose fields hold what they should; UserError names `place`
    otherwise."""
    if not isinstance(record, dict):
        raise UserError(f"{place}: a record is an object, {{...}}.", exit_code=3)
    for field, (right, words) in _FIELDS.items():
        if field in record and not right(record[field]):
            raise UserError(f'{place}: "{field}" must be {words}.', exit_code=3)
    for number, question in enumerate(record.get("questions", ()), start=1):
        checked(question, f"{place}: question {number}")
    return record


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""


def _is_number(value: object) -> bool:
    held = isinstance(value, (int, float)) and not isinstance(value, bool)
    return held and math.isfinite(value)  # type: ignore[arg-type]


def _is_image(value: object) -> bool:
    images = value if isinstance(value, list) else [value]
    return bool(images) and all(isinstance(each, str) and each for each in images)


def _are_answers(value: object) -> bool:
    """Texts, or objects with an "answer" as the published annotations hold them."""
    return isinstance(value, list) and all(
        _is_text(each.get("answer") if isinstance(each, dict) else each) for each in value
    )


def _are_captions(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _are_choices(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(map(_is_text, value))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_boxes(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_box, value))


def _is_size(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]


def _is_position(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _is_label(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_number(score) and 0 <= score <= 1 for score in value.values())
    return isinstance(value, (str, int))


def _is_box(value: object) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_name, "a text or a whole number"),
    "image": (_is_image, "the path of a picture, or a list of paths"),
    "text": (_is_text, "a text"),
    "answers": (_are_answers, "a list of texts"),
    "captions": (_are_captions, "a list of at least one text"),
    "label": (
        _is_label,
        "a text, a whole number, or an object from answers to scores between 0 and 1",
    ),
    "box": (_is_box, "a list of four numbers"),
    "boxes": (_are_boxes, "a list of boxes of four numbers each"),
    "names": (_are_texts, "a list of texts, one a box"),
    "width": (_is_size, "a number of pixels"),
    "height": (_is_size, "a number of pixels"),
    "choices": (_are_choices, "a list of at least two texts"),
    "rationales": (_are_choices, "a list of at least two texts"),
    "rationale_label": (_is_position, "the number of the right rationale, from 0"),
    "subtitles": (_is_text, "a text"),
    "time": (_is_text, "a text"),
    "questions": (_are_objects, "a list of objects"),
    "texts": (_are_texts, "a list of texts"),
    "score": (_is_number, "a number"),
    "split": (_is_text, "a text"),
    "kind": (_is_text, "a text"),
    "group": (_is_text, "a text"),
}
