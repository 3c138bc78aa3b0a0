"""Visual features of clips: CLIP features of frames (.npz a clip), and S3D's (.pth for all clips).

T frames of a clip as stored, N visual tokens, F feature width.
"""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool1d

from vlcli.contracts import Box, Visual
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import VIDEO_WIDTH

from .arrays import first_line, missing_file
from .npz import arrays
from .references import is_below, is_name, other_root

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
_FRAMES = "stored CLIP features of a clip's frames, which the VALUE benchmark gives away"
_ALL = "stored S3D features of all clips, a .pth file that maps the name of a clip to them"


class ClipReader:
    """N = `n_boxes` features of width F for a clip: shorter ones are filled up with zeros, longer
    ones pooled over time by their greatest values. Boxes are all zero.

    References are paths below `root`: `<path>.npz` with `features` (T, F), or `<path>.pth#<clip>`,
    a file of tensors (T, F) by clip, which is read once a process and never runs what it holds.
    """

    def __init__(self, root: str | Path, n_boxes: int, width: int = VIDEO_WIDTH) -> None:
        self.root = Path(root)
        self.n_boxes = n_boxes
        self.width = width
        self._bundles: dict[Path, Mapping[str, Any]] = {}

    def read(self, reference: str) -> Visual:
        """Features (N, F), boxes (N, 4). UserError names the file that is missing, damaged or of
        another shape."""
        path, clip = self._place(reference)
        place = f"{path}, clip {clip}" if clip else str(path)
        frames_TF = self._bundled(path, clip) if clip else self._frames(path)
        if frames_TF.ndim != 2 or frames_TF.shape[1] != self.width or not len(frames_TF):
            shape = " x ".join(map(str, frames_TF.shape))
            raise UserError(f"{place}: the features are {shape}, not frames x {self.width}.")
        if not frames_TF.isfinite().all():
            raise UserError(f"{place}: not all features are finite numbers.")
        return Visual(resized(frames_TF, self.n_boxes), torch.zeros(self.n_boxes, 4))

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """UserError: features of clips know no places."""
        raise UserError(f"{reference} holds features of a clip, which has no regions.", exit_code=3)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Clips without a file, or without features in it."""
        found: dict[str, str] = {}
        for each in references:
            try:
                path, clip = self._place(each)
                if clip:
                    self._tensor(path, clip)
                elif not os.path.isfile(path):
                    raise self._missing(path, _FRAMES)
            except UserError as error:
                found[each] = str(error)
        return found

    def _place(self, reference: str) -> tuple[Path, str]:
        file, mark, clip = reference.partition("#")
        ends = (".pth",) if mark else (".npz",)
        if not is_below(file) or not file.endswith(ends) or (mark and not is_name(clip)):
            raise UserError(f'"{reference}" is no reference of a clip.')
        return self.root / file, clip

    def _frames(self, path: Path) -> Tensor:
        try:
            held = arrays(path, str(path))
        except FileNotFoundError:
            raise self._missing(path, _FRAMES) from None
        if "features" not in held:
            raise UserError(f'{path}: there is no "features".')
        values = held["features"]
        if values is None:
            raise UserError(f'{path}: "features" holds no numbers.')
        return torch.from_numpy(values.astype(np.float32))

    def _bundled(self, path: Path, clip: str) -> Tensor:
        return self._tensor(path, clip).to(torch.float32)

    def _tensor(self, path: Path, clip: str) -> Tensor:
        if path not in self._bundles:
            self._bundles[path] = self._bundle(path)
        found = self._bundles[path].get(clip)
        if not isinstance(found, Tensor):
            raise UserError(f"{path} has no clip {clip}.")
        return found

    def _bundle(self, path: Path) -> Mapping[str, Any]:
        try:
            held = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise self._missing(path, _ALL) from None
        except pickle.UnpicklingError as error:
            raise UserError(
                f"{path} is refused: it holds more than tensors by clip, or is damaged.",
                exit_code=3,
            ) from error
        except _DAMAGE as error:
            raise UserError(f"{path} cannot be read: {first_line(error)}.") from error
        if not isinstance(held, Mapping):
            raise UserError(f"{path}: it holds no features by clip.", exit_code=3)
        return held

    def _missing(self, path: Path, what: str) -> UserError:
        return UserError(missing_file(path, what + other_root(self.root)))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_bundles": {}}


def resized(frames: Tensor, length: int) -> Tensor:
    """(T, F) -> (length, F): zeros behind the frames, or the greatest of each stretch of them."""
    short = length - len(frames)
    if short >= 0:
        return torch.cat([frames, frames.new_zeros(short, frames.shape[1])])
    return adaptive_max_pool1d(frames.t(), length).t().contiguous()
