"""The ids of a feature store: which record each is, and where its features lie.

R pictures. A million ids take some 20 MB: their names stay on the disk.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vlcli.spec.problem import UserError
from vlcli.spec.stores import AGAIN, StoreError

BLOCK = 1 << 20  # bytes of lines that are parsed together
_BITS = (1 << 64) - 1


class Line(NamedTuple):
    """What ids.jsonl says of a picture: its id, the digest of what is stored of it, its size in
    bytes; of regions also their number, and the picture's width and height."""

    id: str
    digest: str
    size: int
    rows: int | None = None
    wide: int | None = None
    high: int | None = None

    def written(self) -> bytes:
        return (json.dumps(self[:3] if self.rows is None else self) + "\n").encode()


class Ids:
    """Records by id. UserError where the list is not the one that was written.

    Of each id, the 128 bits of two hashes are kept, sorted: two ids never meet by chance. Regions
    (`counted`) also have `ends` (R + 1), how many of them precede a record, and `sides` (R, 2),
    width and height of the pictures.
    """

    def __init__(self, path: Path, digest: str, counted: bool) -> None:
        whole, fields = hashlib.sha256(), 5 if counted else 2
        first: list[np.ndarray] = []
        second: list[np.ndarray] = []
        numbers: list[np.ndarray] = []
        self._folder: bytes | None = None
        for block in _blocks(path):
            whole.update(b"".join(block))
            parts = [line.rsplit(b", ", fields) for line in block]
            names = [part[0] for part in parts]  # as they stand in JSON: [" and the id and "
            first.append(np.fromiter(map(hash, names), np.int64, len(names)).view(np.uint64))
            second.append(np.fromiter(map(_hash, names), np.int64, len(names)))
            self._narrow(names)
            if counted:
                tails = b"[" + b",".join(b"[" + b",".join(part[3:]) for part in parts) + b"]"
                numbers.append(np.array(json.loads(tails), np.int64))
        if whole.hexdigest() != digest:
            raise changed(path)
        held = np.concatenate(first)
        order = np.argsort(held, kind="stable")
        held = held[order]
        self._shift = 64 - min(16, len(held).bit_length())
        bounds = np.arange(1 << (64 - self._shift), dtype=np.uint64) << np.uint64(self._shift)
        # views, because single numbers come out of them several times as fast
        self._starts = np.append(held.searchsorted(bounds), len(held)).data
        self._order = order.astype(np.int32).data
        self._first = held.data
        self._second = np.concatenate(second)[order].data
        if counted:
            counts = np.concatenate(numbers)
            self.ends = np.concatenate([[0], np.cumsum(counts[:, 0])])
            self.sides = counts[:, 1:].astype(np.int32)

    def __len__(self) -> int:
        return len(self._order)

    def find(self, name: str) -> int | None:
        """The record of an id, which may leave out the folder that all ids share."""
        found = self._find(_encoded(name))
        if found is None:
            plain = _encoded(posixpath.normpath(name))
            found = self._find(plain)
            if found is None and self._folder:
                found = self._find(self._folder + plain[2:])
        return found

    def _find(self, name: bytes) -> int | None:
        mark = hash(name) & _BITS
        bucket = mark >> self._shift
        end = self._starts[bucket + 1]
        at = bisect_left(self._first, mark, self._starts[bucket], end)
        while at < end and self._first[at] == mark:
            if self._second[at] == _hash(name):
                return self._order[at]
            at += 1
        return None

    def _narrow(self, names: Sequence[bytes]) -> None:
        """Keep of the folder that all names begin with what these begin with, too."""
        for name in names if self._folder != b"" else ():
            if self._folder is None:
                self._folder = _folder(name)
            while self._folder and not name.startswith(self._folder):
                self._folder = _folder(self._folder[:-1])


def lines(path: Path) -> Iterator[Line]:
    """The lines of an ids.jsonl, in the order of the records. StoreError where it is damaged."""
    for block in _blocks(path):
        try:
            found = [Line(*each) for each in json.loads(b"[" + b",".join(block) + b"]")]
        except (ValueError, TypeError) as error:
            raise changed(path) from error
        yield from found


def line(raw: bytes) -> Line | None:
    """One line; None where it is not whole."""
    try:
        found = Line(*json.loads(raw))
    except (ValueError, TypeError):
        return None
    return found if raw.endswith(b"\n") else None


def changed(path: Path) -> StoreError:
    return StoreError(f"{path} has changed since it was written.", AGAIN)


def _blocks(path: Path) -> Iterator[list[bytes]]:
    try:
        with path.open("rb") as file:
            while block := file.readlines(BLOCK):
                yield block
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _encoded(name: str) -> bytes:
    """An id as its line begins."""
    return b"[" + encode_basestring_ascii(name).encode()


def _folder(encoded: bytes) -> bytes:
    """Up to the last slash, with it."""
    return encoded[: encoded.rfind(b"/") + 1]


def _hash(name: Any) -> int:
    """Another than that of the name itself."""
    return hash(name + b"#")
