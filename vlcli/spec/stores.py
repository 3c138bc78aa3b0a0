"""The small index of a feature store: all that a spec needs to know of it, read without arrays.

PATH/index.json              shapes, encoder, source, digests (this file)
PATH/ids.jsonl               one line a picture: its id, the digest of its features, its size
PATH/features.safetensors    one array "features" (R, N, F)

R pictures, N visual tokens of a picture, F feature width.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from .problem import UserError

STORED = "stored:"  # feature_type: "stored:PATH"
INDEX, IDS, ARRAY = "index.json", "ids.jsonl", "features.safetensors"
FORMAT = "vlcli features 1"
ITEM_BYTES = {"float16": 2, "float32": 4}
AGAIN = "Extract the features again."
EXTRACT = "vlcli features extract IMAGES {path} --encoder timm:NAME"


class Index(NamedTuple):
    """What a store holds: `records` (R) arrays of `tokens` x `width` (N, F).

    `grid` are rows and columns of the tokens, row by row; `encoder` says what made the features
    (name, weights, preprocessing), `source` what of (path, number of pictures, digest of their
    names and sizes); `skipped` names pictures that could not be read, with the reason; `digests`
    are sha256 by file (of features.safetensors: of its header alone).
    """

    records: int
    tokens: int
    width: int
    dtype: str
    grid: tuple[int, int]
    encoder: dict[str, Any]
    source: dict[str, Any]
    skipped: dict[str, str]
    digests: dict[str, str]

    @property
    def record_bytes(self) -> int:
        return self.tokens * self.width * ITEM_BYTES[self.dtype]


class StoreError(UserError):
    """A store that cannot be used: what is wrong, and what next."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(f"{message} {fix}")
        self.message, self.fix = message, fix


def path_of(feature_type: str) -> Path | None:
    """The store that a feature type names; None for the types that name none."""
    named = isinstance(feature_type, str) and feature_type.startswith(STORED)
    return Path(feature_type.removeprefix(STORED)) if named else None


def part_of(path: Path) -> Path:
    """Where a store is written until it is whole."""
    return path.with_name(f".{path.name}.part")


def read_index(path: Path) -> Index:
    """The index of a store; StoreError where it is missing, unfinished, damaged or of another
    format."""
    try:
        raw = (path / INDEX).read_bytes()
    except OSError as error:
        raise _missing(path, error) from None
    try:
        held = json.loads(raw)
        if isinstance(held, dict) and held.get("format", FORMAT) != FORMAT:
            raise StoreError(
                f'The feature store {path} is of the format "{held["format"]}"; this version '
                f'reads "{FORMAT}".',
                AGAIN,
            )
        index = Index(**{key: held[key] for key in Index._fields})
        index = index._replace(grid=(int(index.grid[0]), int(index.grid[1])))
        whole = written(index) == raw and index.record_bytes > 0
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        whole = False
    if not whole:
        raise StoreError(f"{path / INDEX} has changed since it was written.", AGAIN)
    return index


def written(index: Index) -> bytes:
    """An index as it stands in its file: with a digest of its own, so that no changed bit passes
    unseen."""
    held = {"format": FORMAT, **index._asdict()}
    held["sha256"] = hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
    return (json.dumps(held, indent=1) + "\n").encode()


def _missing(path: Path, error: OSError) -> StoreError:
    make = f"Make one with `{EXTRACT.format(path=path)}`."
    if _exists(part_of(path)) and not _exists(path):
        fix = "Run its `vlcli features extract` again: it goes on where it stopped."
        return StoreError(f"The feature store {path} is not finished.", fix)
    if not _exists(path):
        return StoreError(f"There is no feature store {path}.", make)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return StoreError(f"{path} is no feature store: it has no {INDEX}.", make)
    return StoreError(f"{path / INDEX} cannot be read: {error.strerror}.", "Mend its rights.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
