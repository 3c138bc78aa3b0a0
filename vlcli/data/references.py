"""What a record may write where it names stored features: a picture's name, or a file and a group.

A plain name, such as COCO_val2014_000000000042 or 1592, leads to the published file of COCO or
Visual Genome. `<file>#<group>` names a file below data_root and what to read in it, such as
`GQA/features/gqa_testdev_obj36.h5#n123`. `<file>+<other>#<group>` names two files of one folder:
the boxes of the first come first, those of the other fill up the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vlcli.spec.problem import UserError

_YEAR = re.compile(r"(?:train|val|test)20\d\d")


class Stored(NamedTuple):
    """Files below data_root (none for a plain name) and the group of a picture in them."""

    files: tuple[str, ...]
    group: str


def year(image: str) -> str | None:
    """The part of COCO that a picture is of, such as val2014; None for one of no COCO name."""
    found = _YEAR.search(image)
    return found[0] if found else None


def joined(files: str, group: str) -> str:
    """The reference of a group in a file below data_root."""
    return f"{files}#{group}"


def stored(reference: str) -> Stored:
    """What a reference says. UserError for what is neither a name nor a file and a group, or leads
    out of data_root."""
    named, mark, group = reference.partition("#")
    if not mark:
        named, group = "", reference
    if not is_name(group) or (mark and not is_below(named)):
        raise UserError(f'"{reference}" is no name of a picture in feature files.')
    if not mark:
        return Stored((), group)
    folder, _, names = named.rpartition("/")
    first, *others = names.split("+")
    files = (first, *others)
    if not all(map(is_name, files)):
        raise UserError(f'"{reference}" is no name of a picture in feature files.')
    return Stored(tuple(f"{folder}/{each}" if folder else each for each in files), group)


def is_name(text: str) -> bool:
    """Whether a text can be the name of a file or a group, and nothing more."""
    return bool(text) and text not in (".", "..") and not set(text) & set("/\\\0")


def is_below(path: str) -> bool:
    """Whether a path stays below the folder that it is relative to."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and not set(path) & set("\\\0")


def no_names(references: Sequence[str]) -> dict[str, str]:
    """A sentence for each that is no reference: it would lead elsewhere."""
    found: dict[str, str] = {}
    for each in references:
        try:
            stored(each)
        except UserError as error:
            found[each] = str(error)
    return found


def other_root(root: Path) -> str:
    """The end of a sentence about a file that is missing."""
    return f", or set data_root (now {root}) to the folder that holds the data"
