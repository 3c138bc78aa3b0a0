"""What stored features are, in whichever layout, and whether every record is whole."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.data.layouts.opening import opened
from vlcli.data.layouts.record import OBJECTS, About, Features, Head, Summary, checked, summed
from vlcli.spec.problem import UserError

LOOKED_AT = 200  # records whose shapes are looked at where not all are read
SHOWN = 3  # ids

Tell = Callable[[int, int], None]  # done, total


class Description(NamedTuple):
    """`words` name the layout for a person; `bytes` are on the disk; `damaged` says of each record
    that is not whole why, and is None where they were not read."""

    layout: str
    words: str
    pictures: int
    bytes: int
    records: Summary
    about: About
    skipped: int
    ids: list[str]
    damaged: dict[str, str] | None

    @property
    def objects(self) -> dict[str, int]:
        """How many of the records looked at have each array of what boxes show."""
        return {name: self.records.names[name] for name in OBJECTS if name in self.records.names}

    def as_json(self) -> dict[str, Any]:
        least, most = self.records.tokens
        return {
            "layout": self.layout,
            "pictures": self.pictures,
            "looked_at": self.records.looked,
            "tokens": least if least == most else [least, most],
            "width": self.records.width,
            "grid": self.about.grid,
            "dtype": self.records.dtypes[0] if len(self.records.dtypes) == 1 else "mixed",
            "boxes": self.records.names.get("boxes", 0),
            "objects": self.objects,
            "bytes": self.bytes,
            "bytes_per_picture": round(self.bytes / self.pictures, 1),
            "encoder": self.about.encoder,
            "source": self.about.source,
            "skipped": self.skipped,
            "ids": self.ids,
            "damaged": self.damaged,
        }


def describe(path: Path, check: bool, tell: Tell) -> Description:
    """UserError where there are no features, or some that are looked at cannot be read; with
    `check`, all are read, and those that are damaged are listed."""
    with opened(path) as held:
        damaged: dict[str, str] | None = None
        if check:
            records, damaged = _check(held, tell)
        else:
            records = held.summary(LOOKED_AT)
        return Description(
            held.layout,
            held.words,
            len(held),
            held.bytes(),
            records,
            held.about,
            held.skipped,
            list(islice(held.ids(), SHOWN)),
            damaged,
        )


def _check(held: Features, tell: Tell) -> tuple[Summary, dict[str, str]]:
    """Every record by itself, and beside the first: features of one width make one set."""
    heads: list[Head] = []
    damaged: dict[str, str] = {}
    for done, name in enumerate(held.ids(), start=1):
        try:
            checked(held.read(name), held.place(name))
            head = held.head(name)
            if heads and head.width != heads[0].width:
                raise UserError(
                    f"{held.place(name)}: features of width {head.width}, and those before it "
                    f"have {heads[0].width}."
                )
            heads.append(head)
        except UserError as error:
            damaged[name] = str(error)
        tell(done, len(held))
    return summed(heads), damaged
