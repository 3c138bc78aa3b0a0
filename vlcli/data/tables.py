"""Your own pictures and captions as a table: .csv or .tsv, with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.spec.problem import UserError

from .records import Record, Tell, stop, text_of

KEPT = ("label", "split", "kind")  # further columns that count, the same for a picture throughout


class Columns(NamedTuple):
    """Which columns hold pictures and captions, and what parts them (None: as the name says)."""

    image: str = "filepath"
    caption: str = "title"
    separator: str | None = None

    @classmethod
    def of(cls, args: Any) -> Columns:
        """Those of a spec."""
        return cls(args.csv_img_key, args.csv_caption_key, args.csv_separator)


def read_table(path: str | Path, columns: Columns, each_fault: Tell = stop) -> list[Record]:
    """A record for each picture, with the captions of all its rows; its id is what it is called.

    Captions may lack where there is a label. UserError names the file and the line of a header
    without the columns, of a row without its picture or its caption, and of one that says another
    label, split or kind than an earlier row of its picture; where `each_fault` does not raise it,
    the row is left out.
    """
    path = Path(path)
    found: dict[str, Record] = {}
    for place, row in _rows(path, columns, each_fault):
        image, caption = row[columns.image], row.get(columns.caption, "")
        more = {key: row[key] for key in KEPT if row.get(key)}
        record = found.setdefault(image, {"id": image, "image": image, **more})
        if any(record.get(key) != more.get(key) for key in KEPT):
            sentence = f"{place}: {image} has another {' or '.join(KEPT)} in an earlier row."
            each_fault(UserError(sentence, exit_code=3))
        elif caption:
            record.setdefault("captions", []).append(caption)
    return list(found.values())


def cells(path: Path, separator: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """The cells of every row that has any, with the row's place."""
    separator = separator or ("," if ".csv" in path.suffixes else "\t")
    lines = csv.reader(io.StringIO(text_of(path), newline=""), delimiter=separator)
    while True:
        try:
            row = next(lines, None)
        except csv.Error as error:
            raise UserError(f"{path}, line {lines.line_num}: {error}.", exit_code=3) from error
        if row is None:
            return
        if row:
            yield f"{path}, line {lines.line_num}", [each.strip() for each in row]


def _rows(path: Path, columns: Columns, each_fault: Tell) -> Iterator[tuple[str, Record]]:
    """The rows that are right, by column, with their places."""
    held = cells(path, columns.separator)
    first, header = next(held, (f"{path}, line 1", []))
    _check_header(first, header, columns)
    for place, row in held:
        cell = dict(zip(header, row, strict=False))
        wanted = [columns.image]
        wanted += [] if cell.get("label") else [columns.caption]
        if lacking := [name for name in wanted if not cell.get(name)]:
            each_fault(UserError(f'{place}: there is no "{lacking[0]}".', exit_code=3))
        elif len(row) != len(header):
            sentence = f"{place}: there are {len(row)} cells in {len(header)} columns."
            each_fault(UserError(sentence, exit_code=3))
        else:
            yield place, cell


def _check_header(place: str, header: Sequence[str], columns: Columns) -> None:
    wanted = {"csv_img_key": columns.image}
    if "label" not in header:
        wanted["csv_caption_key"] = columns.caption
    for key, name in wanted.items():
        if name not in header:
            there = ", ".join(header[:12]) or "none"
            raise UserError(
                f'{place}: there is no column "{name}"; there are {there}. Set {key} to one of '
                "them, or csv_separator to what parts them.",
                exit_code=3,
            )
