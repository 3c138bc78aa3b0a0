"""Visual features in the published HDF5 layouts: boxes in one file a split, grids in one a picture.

N visual tokens, F feature width.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from vlcli.contracts import Box, Visual
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BUTD_BOXES, CLIP_TOKENS, CLIP_WIDTH

from .arrays import array, damage, finite, missing_file, no_id, number, open_file
from .references import no_names, other_root, stored, year
from .shown import BoxWords
from .visual import coverage, grid_boxes, overlaps

Each = TypeVar("Each")

LOOKED_AT = 2000  # pictures whose arrays are looked at before the first step; names are all
SIDE = 7  # of a stored CLIP grid
SLACK = 1e-5  # by which a stored box may lie outside its picture


class BoxReader:
    """`feature_type: "butd"`: the first `n_boxes` detected boxes with features of width 2048.

    Files below `root` hold a group per picture: features (N, 2048), boxes (N, 4) as x1, y1, x2, y2
    in pixels, img_w and img_h; N is 36 in files whose name ends so, and any number in those of
    annotated boxes and MAttNet's. A plain name leads to `COCO/features/{train,val}2014_obj36.h5`,
    `test2015_obj36.h5` or `VG/features/vg_gqa_obj36.h5`; the references of `vlcli.data.references`
    name their files. Each process opens the files it needs, once.

    `named` also reads what the boxes show, "attribute object", where the files hold obj_id
    (attr_id) and `VG/objects_vocab.txt` (`VG/attributes_vocab.txt`) is there.
    """

    width = CLIP_WIDTH["RN50"]

    def __init__(self, root: str | Path, n_boxes: int = BUTD_BOXES, named: bool = False) -> None:
        self.root = Path(root)
        self.n_boxes = n_boxes
        self.named = named
        self._open: dict[Path, Any] = {}
        self._words = BoxWords(self.root)
        self._process = os.getpid()

    def paths(self, reference: str) -> tuple[tuple[Path, ...], str]:
        """The files that hold a picture, and its group in them. UserError for no reference."""
        files, group = stored(reference)
        if files:
            return tuple(self.root / file for file in files), group
        part = year(reference)
        if part:
            return (self.root / "COCO" / "features" / f"{part}_obj36.h5",), group
        return (self.root / "VG" / "features" / "vg_gqa_obj36.h5",), group

    def read(self, reference: str) -> Visual:
        """Features (N, 2048) and boxes (N, 4) in [0, 1], N at most n_boxes. UserError names file
        and picture where something is missing, of another shape or damaged."""
        paths, group = self.paths(reference)
        parts: list[Visual] = []
        left = self.n_boxes
        for path in paths:
            if left > 0:
                parts.append(self._part(path, group, left))
                left -= len(parts[-1].boxes)
        if len(parts) == 1:
            return parts[0]
        boxes = torch.cat([part.boxes for part in parts])
        names = tuple(name for part in parts for name in part.names)
        features = torch.cat([part.features for part in parts])
        return Visual(features, boxes, names if len(names) == len(boxes) else ())

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """Of the stored boxes, for each of these the features of the one that overlaps most."""
        whole, boxes = self.read(reference), torch.tensor(regions)
        return Visual(whole.features[overlaps(boxes, whole.boxes).argmax(dim=1)], boxes)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Pictures that are not there, or whose features are of another shape (of up to 2,000
        pictures, spread over all)."""
        found = no_names(references)
        by_path: dict[Path, list[tuple[str, str]]] = {}
        for each in references:
            if each not in found:
                paths, group = self.paths(each)
                for path in paths:
                    by_path.setdefault(path, []).append((each, group))
        for path, named in by_path.items():
            try:
                with damage(path, named[0][1]), open_file(path, self._what) as file:
                    there = set(file)
                    for each, group in named:
                        if group not in there:
                            found.setdefault(each, no_id(path, group))
                    for each, group in _spread([pair for pair in named if pair[1] in there]):
                        if why := self._shape_fault(file, path, group):
                            found.setdefault(each, why)
            except UserError as error:
                for each, _ in named:
                    found.setdefault(each, str(error))
        return found

    def no_words(self) -> str:
        """A sentence for what is missing to say what boxes show, or nothing."""
        return self._words.missing()

    def _part(self, path: Path, group: str, many: int) -> Visual:
        """The first `many` boxes of one file."""
        with damage(path, group):
            file = self._file(path)
            features, boxes = self._arrays(file, path, group)
            wide, high = (number(file, path, group, name) for name in ("img_w", "img_h"))
            with np.errstate(divide="ignore", invalid="ignore"):
                shares = boxes[()].astype(np.float32) / np.array([wide, high] * 2, np.float32)
            held = torch.from_numpy(finite(features[:many], path, group))
            names = self._words.of(file, path, group, len(held)) if self.named else ()
        if not (shares.min() >= -SLACK and shares.max() <= 1 + SLACK):  # nan is neither
            raise UserError(f"{path}, picture {group}: its boxes lie outside the picture.")
        return Visual(held, torch.from_numpy(shares[:many].clip(0, 1)), names)

    def _arrays(self, file: Any, path: Path, group: str) -> tuple[Any, Any]:
        """Datasets of features and boxes, as many of one as of the other."""
        many = BUTD_BOXES if path.stem.endswith(str(BUTD_BOXES)) else None
        features = array(file, path, group, "features", (many, self.width))
        boxes = array(file, path, group, "boxes", (many, 4))
        if len(features) != len(boxes) or not len(boxes):
            raise UserError(
                f"{path}, picture {group}: it has {len(boxes)} boxes and features of "
                f"{len(features)}."
            )
        return features, boxes

    def _shape_fault(self, file: Any, path: Path, group: str) -> str | None:
        try:
            with damage(path, group):
                self._arrays(file, path, group)
        except UserError as error:
            return str(error)
        return None

    @property
    def _what(self) -> str:
        return _BOXES + other_root(self.root)

    def _file(self, path: Path) -> Any:
        """The file, opened by this process itself: a handle does not outlive a fork."""
        if self._process != os.getpid():
            self._open, self._process = {}, os.getpid()
        if path not in self._open:
            self._open[path] = open_file(path, self._what)
        return self._open[path]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {}, "_process": -1}


class GridReader:
    """`feature_type: "RN50"` and its like: a CLIP tower's grid of 7 x 7 features, without boxes.

    `COCO/clip_features/data_clip_<type>_att/<picture>.h5` (`VG/...` for pictures of no COCO name)
    below `root` holds `<picture>/features` (49, F); the references of `vlcli.data.references` name
    their files. A file is open only while it is read.
    """

    def __init__(self, root: str | Path, tower: str) -> None:
        self.root = Path(root)
        self.tower = tower
        self.width = CLIP_WIDTH[tower]

    def path(self, reference: str) -> tuple[Path, str]:
        """The file that holds a picture, and its group in it. UserError for no reference."""
        files, group = stored(reference)
        if files:
            return self.root / files[0], group
        source = "COCO" if year(reference) else "VG"
        folder = self.root / source / "clip_features" / f"data_clip_{self.tower}_att"
        return folder / f"{reference}.h5", group

    def read(self, reference: str) -> Visual:
        """Features (49, F), and boxes (49, 4) that are all zero, as published."""
        path, group = self.path(reference)
        with damage(path, group), open_file(path, self._what) as file:
            features = array(file, path, group, "features", (CLIP_TOKENS, self.width))
            held = torch.from_numpy(finite(features, path, group))
            return Visual(held, torch.zeros(CLIP_TOKENS, 4))

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """The mean of the grid's features within each box, by shares of the cells it covers."""
        whole, boxes = self.read(reference), torch.tensor(regions)
        return Visual(coverage(boxes, grid_boxes(SIDE, SIDE)) @ whole.features, boxes)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Pictures without a file, or whose features are of another shape (of up to 2,000 pictures,
        spread over all)."""
        found = no_names(references)
        paths = {each: self.path(each) for each in references if each not in found}
        folders = {path.parent for path, _ in paths.values()}
        there = {folder / name for folder in folders for name in _names(folder)}
        found |= {
            each: missing_file(path, self._what)
            for each, (path, _) in paths.items()
            if path not in there
        }
        for each in _spread([each for each in references if each not in found]):
            path, group = paths[each]
            try:
                with damage(path, group), open_file(path, self._what) as file:
                    array(file, path, group, "features", (CLIP_TOKENS, self.width))
            except UserError as error:
                found[each] = str(error)
        return found

    @property
    def _what(self) -> str:
        return _GRIDS + other_root(self.root)


_BOXES = "stored box features; VL-T5's feature_extraction makes them, tsv_to_h5.py at its end"
_GRIDS = "a stored CLIP grid; VL-Adapter's feature_extraction/coco_CLIP.py makes them"


def _spread(names: Sequence[Each]) -> Sequence[Each]:
    return names[:: max(1, -(-len(names) // LOOKED_AT))]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
