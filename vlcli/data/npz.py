"""Arrays of numbers in NPZ files of strangers: nothing is unpickled, no size is believed."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from vlcli.spec.problem import UserError

from .arrays import LIMIT, first_line

ENDING = ".npz"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError,
           NotImplementedError)  # fmt: skip
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Shape(NamedTuple):
    """What the header of an array says."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def shapes(source: Path | bytes, place: str) -> dict[str, Shape | None]:
    """The headers of all members by name; None for what is no array of numbers. UserError begins
    with `place`; FileNotFoundError where there is no file."""
    return {name: shape for name, shape, _ in _members(source, place, values=False)}


def arrays(source: Path | bytes, place: str) -> dict[str, np.ndarray | None]:
    """All members by name, as `shapes` has them."""
    return {name: held for name, _, held in _members(source, place, values=True)}


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """The same arrays give the same bytes."""
    held = io.BytesIO()
    np.savez(held, **arrays)  # type: ignore[arg-type]
    return held.getvalue()


Member = tuple[str, Shape | None, np.ndarray | None]


def _members(source: Path | bytes, place: str, values: bool) -> list[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as held:
            found = []
            for info in held.infolist():
                with held.open(info) as file:
                    shape = _shape(file)
                    array = _array(file, shape) if values and shape else None
                found.append((info.filename.removesuffix(".npy"), shape, array))
            return found
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise UserError(f"{place} cannot be read as NPZ: {first_line(error)}.") from error


def _shape(file: IO[bytes]) -> Shape | None:
    version = npy.read_magic(file)
    if version not in _HEADERS:
        return None
    found = Shape(*_HEADERS[version](file))
    return found if found.dtype.kind in "fiu" else None


def _array(file: IO[bytes], shape: Shape) -> np.ndarray:
    if min(shape.shape, default=0) < 0 or shape.bytes > LIMIT:
        raise ValueError(f"an array of {shape.bytes} bytes")
    raw = file.read(shape.bytes + 1)
    if len(raw) != shape.bytes:
        raise ValueError("an array is not as long as it says")
    order = "F" if shape.by_columns else "C"
    return np.frombuffer(bytearray(raw), shape.dtype).reshape(shape.shape, order=order)  # type: ignore[call-overload]
