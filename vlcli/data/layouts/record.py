"""What every layout is read as: pictures by id, each a record of arrays by name.

N visual tokens of a picture, F feature width.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from vlcli.spec import stores
from vlcli.spec.problem import UserError

ABOUT = "about.json"  # beside or inside a layout: what made its features
OBJECTS = ("obj_id", "obj_conf", "attr_id", "attr_conf")  # one number a box
SIZES = ("img_w", "img_h")
WORDS = {stores.OBJECTS, stores.ATTRIBUTES}
SLACK = 1e-5  # by which a box may lie outside its picture


class Head(NamedTuple):
    """What a record holds, known without its numbers; `names` are those of its other arrays."""

    tokens: int
    width: int
    dtype: str
    names: tuple[str, ...]


class Record(NamedTuple):
    """`features` (N, F); `more` are other arrays of the picture: `boxes` (N, 4) as x1, y1, x2, y2
    in pixels of `img_w` x `img_h`, or as shares of the picture where these are not there, and one
    number a box for each of OBJECTS. `left` names what is no array of numbers."""

    features: np.ndarray
    more: dict[str, np.ndarray]
    left: tuple[str, ...] = ()

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {"features": self.features, **self.more}


class About(NamedTuple):
    """What is known of all records: the encoder with its weights and preprocessing, what pictures
    they were made of, rows and columns of the tokens where these are a grid, and lists of words
    that explain the numbers of boxes, by the name of their file in a store."""

    encoder: dict[str, Any]
    source: str
    grid: tuple[int, int] | None
    words: dict[str, list[str]]

    def written(self) -> str:
        return json.dumps(self._asdict())


UNKNOWN = About({}, "", None, {})


class Summary(NamedTuple):
    """What records look like: of `looked` of them, the least and the greatest number of tokens, the
    width, the types of their numbers, and how many have each array beside the features."""

    looked: int
    tokens: tuple[int, int]
    width: int
    dtypes: tuple[str, ...]
    names: dict[str, int]


class Features:
    """Features on a disk, in one layout; a context, because some keep a file open.

    `layout` is its name and `words` the same for a person. Reading raises UserError, with file and
    picture, for what is missing or damaged.
    """

    layout: str
    words: str

    def __init__(self, path: Path) -> None:
        self.path = path
        self.about = UNKNOWN
        self.skipped = 0  # how many `bad` there are

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __len__(self) -> int:
        raise NotImplementedError

    def ids(self) -> Iterator[str]:
        raise NotImplementedError

    def head(self, name: str) -> Head:
        raise NotImplementedError

    def read(self, name: str) -> Record:
        raise NotImplementedError

    def bad(self) -> Mapping[str, str]:
        """Pictures that could not be read when the features were made, and why, where it is
        known."""
        return {}

    def stored_as(self, record: Record) -> str:
        """The type of its features on the disk."""
        return record.features.dtype.name

    def place(self, name: str) -> str:
        """A picture, as errors name it."""
        return f"{self.path}, picture {name}"

    def bytes(self) -> int:
        """What it takes on the disk."""
        return self.path.stat().st_size

    def summary(self, looked: int) -> Summary:
        """What up to so many records look like, spread over all; their numbers are not read."""
        names = list(self.ids())
        looked = min(looked, len(names))
        spread = [names[at * len(names) // looked] for at in range(looked)]
        return summed(map(self.head, spread))


def summed(heads: Iterable[Head]) -> Summary:
    names: Counter[str] = Counter()
    tokens: set[int] = set()
    dtypes: dict[str, None] = {}
    looked = width = 0
    for head in heads:
        looked, width = looked + 1, width or head.width
        tokens.add(head.tokens)
        dtypes[head.dtype] = None
        names.update(head.names)
    found = (min(tokens), max(tokens)) if tokens else (0, 0)
    return Summary(looked, found, width, tuple(dtypes), dict(names))


def checked(record: Record, place: str) -> Record:
    """The record; UserError, which begins with `place`, where it is none that can be learned from:
    numbers that are not finite, boxes outside their picture, not as many of one as of another."""
    features, more = record.features, record.more
    if features.ndim != 2 or not features.size:
        raise UserError(f'{place}: "features" is {sides(features.shape)}, not tokens x width.')
    if not np.isfinite(features).all():
        raise UserError(f"{place}: not all features are finite numbers.")
    many = len(features)
    for name in ("boxes", *OBJECTS):
        if name in more and len(np.atleast_1d(more[name])) != many:
            raise UserError(f'{place}: "{name}" is of {len(more[name])}, and features of {many}.')
    if "boxes" in more:
        _check_boxes(more, place)
    return record


def _check_boxes(more: dict[str, np.ndarray], place: str) -> None:
    boxes = more["boxes"]
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise UserError(f'{place}: "boxes" is {sides(boxes.shape)}, not boxes x 4.')
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = boxes.astype(np.float64) / scale(more)
    if not (shares.min() >= -SLACK and shares.max() <= 1 + SLACK):  # nan is neither
        raise UserError(f"{place}: its boxes lie outside the picture.")


def scale(more: Mapping[str, np.ndarray]) -> np.ndarray:
    """What boxes are to be divided by to be shares of the picture."""
    if not all(name in more for name in SIZES):
        return np.ones(4)
    wide, high = (float(more[name].reshape(-1)[0]) for name in SIZES)
    return np.array([wide, high] * 2)


def about_folder(folder: Path) -> About:
    """What the ABOUT of a folder says; UNKNOWN where it has none."""
    path = folder / ABOUT
    return about(path.read_bytes(), str(path)) if path.is_file() else UNKNOWN


def about(raw: str | bytes, place: str) -> About:
    """What ABOUT says. UserError where it is not ours."""
    try:
        held = json.loads(raw)
        encoder, source, grid, words = (held[key] for key in About._fields)
        grid = None if grid is None else (int(grid[0]), int(grid[1]))
        lists = {str(file): list(map(str, lines)) for file, lines in words.items()}
        whole = isinstance(encoder, dict) and isinstance(source, str) and lists.keys() <= WORDS
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{place} does not say what made the features. Remove it to go without.")
    return About(encoder, source, grid, lists)


def sides(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
