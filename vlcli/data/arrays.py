"""Arrays in HDF5 files of strangers: read where they are whole and lie in the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from vlcli.spec.problem import UserError

Shape = tuple[int | None, ...]

LIMIT = 1 << 30  # bytes of one array: what claims more is damaged

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError)  # what h5py raises on damaged files


def open_file(path: Path, what: str) -> Any:
    """An HDF5 file for reading. UserError where it is missing (`what` it is) or damaged."""
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(missing_file(path, what)) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read as HDF5: {first_line(error)}.") from error


def array(file: Any, path: Path, reference: str, name: str, shape: Shape) -> Any:
    """The dataset `<reference>/<name>` of numbers of a shape (None: any number), of this very file:
    UserError for links, and for data that lies in other files."""
    found = member(group(file, path, reference), path, reference, name)
    place = f'{path}, picture {reference}: "{name}"'
    if not is_numbers(found):
        raise UserError(f"{place} holds no numbers.")
    if not _fits(found.shape, shape) and not (not shape and found.shape == (1,)):
        raise UserError(f"{place} is {_sides(found.shape)}, not {_sides(shape)}.")
    return found


def group(file: Any, path: Path, reference: str) -> Any:
    """The group of a picture, of this very file."""
    found = _held(file, path, reference, reference, no_id(path, reference))
    if not isinstance(found, h5py.Group):
        raise UserError(no_id(path, reference))
    return found


def member(group: Any, path: Path, reference: str, name: str) -> Any:
    """What stands in the group of a picture under a name, of this very file."""
    place = f"{path}, picture {reference}"
    found = _held(group, path, reference, name, f'{place}: there is no "{name}".')
    if is_numbers(found) and (found.is_virtual or found.external):
        raise UserError(f'{place}: "{name}" lies in other files; that is refused.')
    return found


def is_numbers(found: Any) -> bool:
    return isinstance(found, h5py.Dataset) and found.dtype.kind in "fiu"


def _held(group: Any, path: Path, reference: str, name: str, missing: str) -> Any:
    link = group.get(name, getlink=True)
    if link is None:
        raise UserError(missing)
    if not isinstance(link, h5py.HardLink):
        raise UserError(f'{path}, picture {reference}: "{name}" is a link; links are refused.')
    return group[name]


@contextmanager
def damage(path: Path, reference: str) -> Iterator[None]:
    """What a damaged file makes h5py raise, as a UserError that names file and picture."""
    try:
        yield
    except _DAMAGE as error:
        raise UserError(
            f"{path}, picture {reference}: the file is damaged ({first_line(error)})."
        ) from error


def finite(held: Any, path: Path, reference: str) -> np.ndarray:
    """The numbers in float32; UserError where not all are finite."""
    values = np.asarray(held[()] if isinstance(held, h5py.Dataset) else held, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{path}, picture {reference}: not all features are finite numbers.")
    return values


def number(file: Any, path: Path, reference: str, name: str) -> float:
    return float(np.asarray(array(file, path, reference, name, ())[()]).item())


def missing_file(path: Path, what: str) -> str:
    return f"There is no file {path}: {what}."


def no_id(path: Path, reference: str) -> str:
    return f"{path} has no picture {reference}."


def _fits(shape: tuple[int, ...] | None, asked: Shape) -> bool:
    if shape is None or len(shape) != len(asked):
        return False
    return all(want in (None, side) for side, want in zip(shape, asked, strict=True))


def _sides(shape: Shape | None) -> str:
    if not shape:
        return "a single number"
    return " x ".join("any number" if side is None else str(side) for side in shape)


def first_line(error: Exception) -> str:
    return str(error).strip("'\"").splitlines()[0][:160] if str(error) else type(error).__name__
