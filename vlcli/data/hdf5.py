"""Visual features in the published HDF5 layouts: boxes in one file a split, grids in one a picture.

N visual tokens, F feature width.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import torch
from torch import Tensor

from vlcli.contracts import Visual
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BUTD_BOXES, CLIP_TOKENS, CLIP_WIDTH

from .published import year

LOOKED_AT = 2000  # pictures whose arrays are looked at before the first step; names are all
SLACK = 1e-5  # by which a stored box may lie outside its picture
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError)  # what h5py raises on damaged files


class BoxReader:
    """`feature_type: "butd"`: the first `n_boxes` of 36 detected boxes with features of width 2048.

    `COCO/features/{train,val}2014_obj36.h5`, `test2015_obj36.h5` and `VG/features/vg_gqa_obj36.h5`
    below `root` hold a group per picture: features (36, 2048), boxes (36, 4) as x1, y1, x2, y2 in
    pixels, img_w and img_h. Each process opens the files it needs, once.
    """

    width = CLIP_WIDTH["RN50"]

    def __init__(self, root: str | Path, n_boxes: int = BUTD_BOXES) -> None:
        self.root = Path(root)
        self.n_boxes = n_boxes
        self._open: dict[Path, Any] = {}
        self._process = os.getpid()

    def path(self, reference: str) -> Path:
        """The file that holds a picture."""
        _check_name(reference)
        part = year(reference)
        if part:
            return self.root / "COCO" / "features" / f"{part}_obj36.h5"
        return self.root / "VG" / "features" / "vg_gqa_obj36.h5"

    def read(self, reference: str) -> Visual:
        """Features (n_boxes, 2048) and boxes (n_boxes, 4) in [0, 1]. UserError names file and
        picture where something is missing, of another shape or damaged."""
        path = self.path(reference)
        with _damage(path, reference):
            file = self._file(path)
            features = array(file, path, reference, "features", (BUTD_BOXES, self.width))
            boxes = array(file, path, reference, "boxes", (BUTD_BOXES, 4))
            wide, high = (_number(file, path, reference, name) for name in ("img_w", "img_h"))
            with np.errstate(divide="ignore", invalid="ignore"):
                shares = boxes[()].astype(np.float32) / np.array([wide, high] * 2, np.float32)
            held = _finite(features[: self.n_boxes], path, reference)
        if not (shares.min() >= -SLACK and shares.max() <= 1 + SLACK):  # nan is neither
            raise UserError(f"{path}, picture {reference}: its boxes lie outside the picture.")
        return Visual(held, torch.from_numpy(shares[: self.n_boxes].clip(0, 1)))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Pictures that are not there, or whose features are of another shape (of up to 2,000
        pictures, spread over all)."""
        found = _no_names(references)
        by_path: dict[Path, list[str]] = {}
        for each in references:
            if each not in found:
                by_path.setdefault(self.path(each), []).append(each)
        for path, names in by_path.items():
            try:
                with _damage(path, names[0]), open_file(path, _BOXES) as file:
                    there = set(file)
                    found |= {each: _no_id(path, each) for each in names if each not in there}
                    for each in _spread([each for each in names if each in there]):
                        if why := self._shape_fault(file, path, each):
                            found[each] = why
            except UserError as error:
                found |= dict.fromkeys(names, str(error))
        return found

    def _shape_fault(self, file: Any, path: Path, reference: str) -> str | None:
        try:
            with _damage(path, reference):
                array(file, path, reference, "features", (BUTD_BOXES, self.width))
                array(file, path, reference, "boxes", (BUTD_BOXES, 4))
        except UserError as error:
            return str(error)
        return None

    def _file(self, path: Path) -> Any:
        """The file, opened by this process itself: a handle does not outlive a fork."""
        if self._process != os.getpid():
            self._open, self._process = {}, os.getpid()
        if path not in self._open:
            self._open[path] = open_file(path, _BOXES)
        return self._open[path]

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "n_boxes": self.n_boxes, "_open": {}, "_process": -1}


class GridReader:
    """`feature_type: "RN50"` and its like: a CLIP tower's grid of 7 x 7 features, without boxes.

    `COCO/clip_features/data_clip_<type>_att/<picture>.h5` (`VG/...` for pictures of no COCO name)
    below `root` holds `<picture>/features` (49, F). A file is open only while it is read.
    """

    def __init__(self, root: str | Path, tower: str) -> None:
        self.root = Path(root)
        self.tower = tower
        self.width = CLIP_WIDTH[tower]

    def path(self, reference: str) -> Path:
        """The file that holds a picture."""
        _check_name(reference)
        source = "COCO" if year(reference) else "VG"
        folder = self.root / source / "clip_features" / f"data_clip_{self.tower}_att"
        return folder / f"{reference}.h5"

    def read(self, reference: str) -> Visual:
        """Features (49, F), and boxes (49, 4) that are all zero, as published."""
        path = self.path(reference)
        with _damage(path, reference), open_file(path, _GRIDS) as file:
            features = array(file, path, reference, "features", (CLIP_TOKENS, self.width))
            return Visual(_finite(features, path, reference), torch.zeros(CLIP_TOKENS, 4))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Pictures without a file, or whose features are of another shape (of up to 2,000 pictures,
        spread over all)."""
        found = _no_names(references)
        paths = {each: self.path(each) for each in references if each not in found}
        folders = {path.parent for path in paths.values()}
        there = {folder / name for folder in folders for name in _names(folder)}
        found |= {each: _missing(path, _GRIDS) for each, path in paths.items() if path not in there}
        for each in _spread([each for each in references if each not in found]):
            path = paths[each]
            try:
                with _damage(path, each), open_file(path, _GRIDS) as file:
                    array(file, path, each, "features", (CLIP_TOKENS, self.width))
            except UserError as error:
                found[each] = str(error)
        return found


_BOXES = "stored box features; VL-T5's feature_extraction makes them, tsv_to_h5.py at its end"
_GRIDS = "a stored CLIP grid; VL-Adapter's feature_extraction/coco_CLIP.py makes them"


def open_file(path: Path, what: str) -> Any:
    """An HDF5 file for reading. UserError where it is missing (`what` it is) or damaged."""
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise UserError(_missing(path, what)) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read as HDF5: {_first_line(error)}.") from error


def array(file: Any, path: Path, reference: str, name: str, shape: tuple[int, ...]) -> Any:
    """The dataset `<reference>/<name>` of numbers of a shape, of this very file: UserError for
    links, and for data that lies in other files."""
    group = _held(file, path, reference, reference, _no_id(path, reference))
    if not isinstance(group, h5py.Group):
        raise UserError(_no_id(path, reference))
    place = f"{path}, picture {reference}"
    found = _held(group, path, reference, name, f'{place}: there is no "{name}".')
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiu":
        raise UserError(f'{place}: "{name}" holds no numbers.')
    if found.is_virtual or found.external:
        raise UserError(f'{place}: "{name}" lies in other files; that is refused.')
    if found.shape != shape and not (not shape and found.shape == (1,)):
        raise UserError(f'{place}: "{name}" is {_sides(found.shape)}, not {_sides(shape)}.')
    return found


def _held(group: Any, path: Path, reference: str, name: str, missing: str) -> Any:
    link = group.get(name, getlink=True)
    if link is None:
        raise UserError(missing)
    if not isinstance(link, h5py.HardLink):
        raise UserError(f'{path}, picture {reference}: "{name}" is a link; links are refused.')
    return group[name]


@contextmanager
def _damage(path: Path, reference: str) -> Iterator[None]:
    """What a damaged file makes h5py raise, as a UserError that names file and picture."""
    try:
        yield
    except _DAMAGE as error:
        raise UserError(
            f"{path}, picture {reference}: the file is damaged ({_first_line(error)})."
        ) from error


def _finite(held: Any, path: Path, reference: str) -> Tensor:
    values = np.asarray(held[()] if isinstance(held, h5py.Dataset) else held, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{path}, picture {reference}: not all features are finite numbers.")
    return torch.from_numpy(values)


def _number(file: Any, path: Path, reference: str, name: str) -> float:
    return float(np.asarray(array(file, path, reference, name, ())[()]).item())


def _spread(names: Sequence[str]) -> Sequence[str]:
    return names[:: max(1, -(-len(names) // LOOKED_AT))]


def _check_name(reference: str) -> None:
    if why := _no_names([reference]).get(reference):
        raise UserError(why)


def _no_names(references: Sequence[str]) -> dict[str, str]:
    """A sentence for each that is a path: it would lead elsewhere."""
    return {
        each: f'"{each}" is no name of a picture in feature files.'
        for each in references
        if not each or each in (".", "..") or set(each) & set("/\\\0")
    }


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _missing(path: Path, what: str) -> str:
    return f"There is no file {path}: {what}."


def _no_id(path: Path, reference: str) -> str:
    return f"{path} has no picture {reference}."


def _sides(shape: tuple[int, ...] | None) -> str:
    return " x ".join(map(str, shape)) if shape else "a single number"


def _first_line(error: Exception) -> str:
    return str(error).strip("'\"").splitlines()[0][:160] if str(error) else type(error).__name__
