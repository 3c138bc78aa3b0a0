"""What two splits of a task have in common: pictures, and whole examples."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from vlcli.tasks.base import record_id, record_images

from .findings import some
from .reading import Data, Split
from .texts import ASKED


def check_splits(data: Data) -> None:
    """Tell of what stands in an earlier split, too: training, validation, test."""
    for before, split in combinations(data.splits.values(), 2):
        _tell_repeated(data, before, split)
        _tell_shared(data, before, split)


def _tell_repeated(data: Data, before: Split, split: Split) -> None:
    known = {same: record_id(record) for record in before.records if (same := meant(record))}
    pairs = {record_id(record): known.get(meant(record)) for record in split.records}
    twice = {id: f'"{other}" of {before.role}' for id, other in pairs.items() if other is not None}
    if twice:
        sentence = (
            f"{len(twice):,} of {len(split.records):,} records stand in {before.role}, too "
            f"(the same picture and text): {some(list(twice))}."
        )
        data.tell(split.role, "repeated", "warning", sentence, twice)


def _tell_shared(data: Data, before: Split, split: Split) -> None:
    ours, theirs = pictures(split), pictures(before)
    both = [image for image in ours if image in theirs]
    if both:
        many = f"{len(both):,} of {len(ours):,} pictures"
        sentence = f"{many} are in {before.role}, too: {some(both)}."
        data.tell(split.role, "shared", "note", sentence, dict.fromkeys(both, before.role))


def pictures(split: Split) -> dict[str, None]:
    """The pictures of a split, each once, in order."""
    return {image: None for record in split.records for image in record_images(record)}


def meant(record: Mapping[str, Any]) -> tuple[object, ...]:
    """What makes a record the same as another: its pictures, and what it asks or, where it asks
    nothing, what it says; () where it has neither."""
    asked = next((record[name] for name in ASKED if record.get(name)), None)
    said = asked or tuple(record.get("captions") or ()) or _plain(record.get("label"))
    images = record_images(record)
    return (images, said, record.get("time")) if images or said else ()


def _plain(label: Any) -> object:
    return tuple(sorted(label)) if isinstance(label, Mapping) else label
