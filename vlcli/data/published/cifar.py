"""CIFAR-10 in the layout of its Python archive, which torchvision keeps: pickled batches.

P pictures of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vlcli.spec.problem import UserError

from ..records import Record
from ..references import joined, other_root
from ..visual import Mark
from .asked import Asked, no_features
from .files import each_value, field, known_split
from .pickled import pickled

FOLDER = "cifar-10-batches-py"
SPLITS = {
    "train": tuple(f"data_batch_{n}" for n in range(1, 6)),
    "valid": ("test_batch",),
    "val": ("test_batch",),
    "test": ("test_batch",),
}
SIDE = 32
_WHAT = (
    "CIFAR-10, which is never downloaded on its own; unpack cifar-10-python.tar.gz of "
    "cs.toronto.edu/~kriz/cifar.html there"
)


def _array(kind: type, shape: tuple[int, ...], code: bytes) -> np.ndarray:
    return np.empty(shape, np.uint8)


def _byte(code: str, align: bool = False, copy: bool = False) -> np.dtype[Any]:
    if code not in ("u1", "|u1"):
        raise ValueError(f"it holds numbers of the kind {code!r}, not bytes")
    return np.dtype("u1")


# What a pickled array of bytes names: the array is made here, and holds bytes.
_ARRAYS = {
    (module, name): made
    for module in ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
    for name, made in (("_reconstruct", _array), ("ndarray", np.ndarray), ("dtype", _byte))
}


def records(asked: Asked) -> list[Record]:
    """The pictures of a split with the names of their classes; valid and test are the test batch.
    An `image` is `cifar-10-batches-py/<batch>#<row>` below data_root."""
    known_split(asked.split, SPLITS, "The pictures of CIFAR-10")
    if not asked.sees_pixels:
        raise no_features(asked.feature_type, "CIFAR-10")
    folder = asked.root / FOLDER
    what = _WHAT + other_root(asked.root)
    names = _class_names(folder / "batches.meta", what)

    def make(batch: str, place: str) -> list[Record]:
        return [
            {
                "id": f"{batch}-{row}",
                "image": joined(f"{FOLDER}/{batch}", str(row)),
                "label": names[label],
            }
            for row, label in enumerate(_labels(folder / batch, what, len(names)))
        ]

    batches = ((batch, batch) for batch in SPLITS[asked.split])
    return [each for held in each_value(batches, make, asked.each_fault) for each in held]


def in_a_batch(reference: str) -> bool:
    """Whether a path names a picture in one of CIFAR-10's batches."""
    return Path(reference.rpartition("#")[0]).parent.name == FOLDER


class Batches:
    """Pictures of CIFAR-10 by `<path of a batch>#<row>`; a batch is read once a process."""

    def __init__(self) -> None:
        self._read: dict[str, np.ndarray] = {}

    def open(self, reference: str) -> np.ndarray:
        """A picture (32, 32, 3) of bytes. UserError where there is none, or the batch is bad."""
        path, _, row = reference.rpartition("#")
        if path not in self._read:
            self._read[path] = _pictures(Path(path), _WHAT)
        if not row.isdecimal() or int(row) >= len(self._read[path]):
            raise UserError(f"{path} has no picture number {row}.")
        return self._read[path][int(row)]

    def mark(self, reference: str) -> Mark:
        path, _, row = reference.rpartition("#")
        return Mark.of(path, inside=f"#{row}")

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in references:
            try:
                self.open(each)
            except UserError as error:
                found[each] = str(error)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"_read": {}}


def _class_names(path: Path, what: str) -> list[str]:
    names = field(_batch(path, what), "label_names", path)
    right = isinstance(names, list) and names and all(isinstance(each, str) for each in names)
    if not right:
        raise UserError(f'{path}: "label_names" must be a list of texts.', exit_code=3)
    return names


def _labels(path: Path, what: str, classes: int) -> list[int]:
    labels = field(_batch(path, what), "labels", path)
    right = isinstance(labels, list) and all(
        isinstance(each, int) and 0 <= each < classes for each in labels
    )
    if not right:
        raise UserError(
            f'{path}: "labels" must be a list of numbers from 0 to {classes - 1}.', exit_code=3
        )
    return labels


def _pictures(path: Path, what: str) -> np.ndarray:
    """(P, 32, 32, 3); a row holds all reds, then all greens, then all blues."""
    data = field(_batch(path, what), "data", path)
    right = isinstance(data, np.ndarray) and data.ndim == 2 and data.shape[1] == 3 * SIDE * SIDE
    if not right or data.dtype != np.uint8:
        raise UserError(f'{path}: "data" must be rows of 3,072 bytes.', exit_code=3)
    return np.ascontiguousarray(data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def _batch(path: Path, what: str) -> Any:
    return pickled(path, what, encoding="latin1", also=_ARRAYS)
