"""The small index of a feature store: all that a spec needs to know of it, read without arrays.

PATH/index.json              shapes, encoder, source, digests (this file)
PATH/ids.jsonl               one line a picture: its id, the digest of its features, its size; of
                             regions also their number, width and height of the picture
PATH/features.safetensors    one array "features" (R, N, F); of regions (T, F), and beside it
                             "boxes" (T, 4) and what else is known of each
PATH/bad.jsonl               pictures that could not be read, with the reason, where there are any
PATH/objects.txt             what the numbers of objects mean, a name a line, where that is known;
                             attributes.txt likewise

A store of several shards has features-00000.safetensors, features-00001.safetensors and so on: the
records of ids.jsonl, one shard after the other.

R pictures, N visual tokens of a picture, F feature width, T regions of all pictures together.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from .problem import UserError

STORED = "stored:"  # feature_type: "stored:PATH"
INDEX, IDS, ARRAY, BAD = "index.json", "ids.jsonl", "features.safetensors", "bad.jsonl"
OBJECTS, ATTRIBUTES = "objects.txt", "attributes.txt"
FORMAT, FIRST = "vlcli features 2", "vlcli features 1"  # the first knew neither shards nor regions
ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
AGAIN = "Extract the features again."
EXTRACT = "vlcli features extract IMAGES {path} --encoder timm:NAME"


class Shard(NamedTuple):
    """One array of a store: `records` pictures with `rows` features of width F together."""

    records: int
    rows: int


class Index(NamedTuple):
    """What a store holds: `records` (R) arrays of `tokens` x `width` (N, F).

    `grid` are rows and columns of the tokens, row by row; None where the features are of regions:
    then N is the greatest number of them, and `columns` names what stands beside the features of
    each ("boxes", "obj_id", ...). `encoder` says what made the features (name, weights,
    preprocessing), `source` what of (path, number of pictures, digest of their names and sizes);
    `skipped` counts pictures that could not be read; `digests` are sha256 by file (of an array: of
    its header alone).
    """

    records: int
    tokens: int
    width: int
    dtype: str
    grid: tuple[int, int] | None
    encoder: dict[str, Any]
    source: dict[str, Any]
    skipped: int
    digests: dict[str, str]
    columns: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()

    @property
    def row_bytes(self) -> int:
        """Of one feature."""
        return self.width * ITEM_BYTES[self.dtype]

    @property
    def rows(self) -> int:
        """Features of all pictures together (T)."""
        return sum(shard.rows for shard in self.shards)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The files of the shards."""
        many = len(self.shards)
        return tuple(numbered(ARRAY, number, many) for number in range(many))


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
        known = held.pop("format", FIRST) if isinstance(held, dict) else FIRST
        if known not in (FORMAT, FIRST):
            raise StoreError(
                f'The feature store {path} is of the format "{known}"; this version reads '
                f'"{FORMAT}".',
                AGAIN,
            )
        del held["sha256"]
        whole = _sealed(known, held) == raw
        index = _index(held if known == FORMAT else _of_the_first(held))
        whole = whole and min(index.records, index.tokens, index.row_bytes) > 0
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise StoreError(f"{path / INDEX} has changed since it was written.", AGAIN)
    return index


def written(index: Index) -> bytes:
    """An index as it stands in its file."""
    return _sealed(FORMAT, index._asdict())


def numbered(name: str, number: int, many: int) -> str:
    """The name of a shard's file: "features-00002.safetensors", or as it is where there is but
    one."""
    stem, dot, ending = name.partition(".")
    return name if many == 1 else f"{stem}-{number:05}{dot}{ending}"


def _index(held: dict[str, Any]) -> Index:
    index = Index(**held)
    rows, columns = index.grid or (0, 0)
    shards = tuple(Shard(int(records), int(rows)) for records, rows in index.shards)
    return index._replace(
        grid=(int(rows), int(columns)) if index.grid else None,
        columns=tuple(index.columns),
        shards=shards,
    )


def _of_the_first(held: dict[str, Any]) -> dict[str, Any]:
    """The facts of an index of the first format in the words of this one."""
    shards = [(held["records"], held["records"] * held["tokens"])]
    return {**held, "skipped": len(held["skipped"]), "shards": shards}


def _sealed(format: str, held: dict[str, Any]) -> bytes:
    """With a digest of its own, so that no changed bit passes unseen."""
    held = {"format": format, **held}
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
