"""Boxes of records: what is meant by their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from vlcli.contracts import Box
from vlcli.spec.problem import UserError

from .base import Record, record_id

SLACK = 1.0  # pixels by which a box may lie outside its picture, cut off there


def size(record: Record) -> tuple[float, float]:
    """Width and height of the picture; 1 and 1 where boxes are shares of them."""
    if record.get("width") is None and record.get("height") is None:
        return 1.0, 1.0
    if record.get("width") is None or record.get("height") is None:
        raise UserError(
            f'Record "{record_id(record)}" has only one of "width" and "height"; give both, or '
            "boxes as shares.",
            3,
        )
    return float(record["width"]), float(record["height"])


def share(record: Record, box: Sequence[float]) -> Box:
    """A box of a record as shares of width and height. UserError where it lies outside the picture
    or has no area."""
    wide, high = size(record)
    x1, y1, x2, y2 = (float(v) / side for v, side in zip(box, (wide, high) * 2, strict=True))
    off = max(-x1 * wide, -y1 * high, (x2 - 1) * wide, (y2 - 1) * high)
    slack = SLACK if wide > 1 else 1e-5
    if off > slack or x2 < x1 or y2 < y1:
        where = f"{wide:g} x {high:g} picture" if wide > 1 else "picture (give width and height)"
        raise UserError(
            f'Record "{record_id(record)}": the box {list(box)} is not x1, y1, x2, y2 inside the '
            f"{where}.",
            3,
        )
    x1, y1, x2, y2 = (min(max(value, 0.0), 1.0) for value in (x1, y1, x2, y2))
    return x1, y1, x2, y2


def shares(record: Record) -> tuple[Box, ...]:
    """The `boxes` of a record, as shares."""
    return tuple(share(record, box) for box in record.get("boxes", ()))
