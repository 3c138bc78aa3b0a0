"""Pictures by reference, and readers that turn them into what an architecture sees.

N visual tokens, F feature width, H, W picture size, p patch side.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from vlcli.contracts import Box, Visual
from vlcli.spec.problem import UserError

Picture = Image.Image | np.ndarray

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # it is refused, below

# Mean and deviation of photographs by channel (ImageNet): pixels come out near zero and one.
MEAN, _STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_SCALE, _SHIFT = (1 / (255 * _STD)).astype(np.float32), (MEAN / _STD).astype(np.float32)


class Reader(Protocol):
    """Turns a reference of an Example into a Visual; small and picklable, for loading processes."""

    def read(self, reference: str) -> Visual: ...

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """What stands in these boxes of the picture, in their order, in place of the whole."""
        ...

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """What can be told without reading them all: a sentence for each that cannot be read."""
        ...


class Mark(NamedTuple):
    """What tells a picture from others and from what it was before: where it is, its bytes (-1
    where there is none), and when its file was changed."""

    place: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: str | Path, size: int | None = None, inside: str = "") -> Mark:
        """The mark of a file, or of so many bytes `inside` it."""
        place = f"{os.path.abspath(path)}{inside}"
        try:
            known = os.stat(path)
        except (OSError, ValueError):
            return cls(place, -1, 0)
        return cls(place, known.st_size if size is None else size, known.st_mtime_ns)


class Pictures(Protocol):
    """Pictures by reference: files, the members of a tar, or one array."""

    def open(self, reference: str) -> Picture: ...

    def mark(self, reference: str) -> Mark: ...

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """A sentence for each picture that is not there."""
        ...


class PictureFiles:
    """References are paths of JPEG or PNG files, absolute or relative to `folder`."""

    def __init__(self, folder: str | Path = ".") -> None:
        self.folder = Path(folder)

    def open(self, reference: str) -> Image.Image:
        """The whole picture in RGB. UserError where the file is missing, no picture or cut off."""
        path = self.folder / reference
        try:
            return decoded(path, str(path))
        except FileNotFoundError as error:
            raise UserError(f"There is no picture {path}.") from error

    def mark(self, reference: str) -> Mark:
        return Mark.of(self.folder / reference)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        paths = {each: self.folder / each for each in references}
        return {
            each: f"There is no picture {path}."
            for each, path in paths.items()
            if not os.path.isfile(path)  # never raises, unlike is_file
        }


def below(folder: Path, whole: Path, image: str, place: str, key: str) -> Path:
    """The path of a picture below a folder (`whole`: resolved once). UserError names the `place`
    of what is no path or leads out, and the `key` that can mend it."""
    path = folder / image
    try:
        inside = path.resolve().is_relative_to(whole)
    except (OSError, ValueError) as error:
        raise UserError(f'{place}: "{image}" is no path of a picture ({error}).') from error
    if not inside:
        raise UserError(
            f"{place}: the picture {image} lies outside {folder}. Set {key} to the folder that "
            "holds all pictures."
        )
    return path


def decoded(source: Path | IO[bytes], name: str) -> Image.Image:
    """The whole picture in RGB; `name` says in a UserError which one is no picture, cut off or too
    large. FileNotFoundError where there is none."""
    try:
        with Image.open(source) as file:
            if file.width * file.height > (Image.MAX_IMAGE_PIXELS or math.inf):
                raise Image.DecompressionBombError(f"{file.width} x {file.height} pixels")
            return file.convert("RGB")
    except FileNotFoundError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not a picture that can be read.") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"The picture {name} is too large to be read: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"The picture {name} cannot be read: {error}.") from error


class PictureArray:
    """References are numbers of pictures in a .npy file (uint8, P x H x W x 3), mapped into memory
    by each process when it first reads."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._array: np.ndarray | None = None

    def open(self, reference: str) -> np.ndarray:
        if self._array is None:
            self._array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        if not reference.isdecimal() or int(reference) >= len(self._array):
            raise UserError(f"{self.path} has no picture number {reference}.")
        return self._array[int(reference)]

    def mark(self, reference: str) -> Mark:
        return Mark.of(self.path, inside=f"#{reference}")

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """None: its records come with it."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_array": None}


class PatchReader:
    """`feature_type: "patch"`: a grid of flattened pixel patches, row by row, with their boxes.

    N = (H/p)(W/p), F = 3 p p (channel, row, column); no weights are needed.
    """

    def __init__(self, pictures: Pictures, image_size: tuple[int, int], patch_size: int) -> None:
        height, width = image_size
        if height % patch_size or width % patch_size:
            raise UserError(
                f"image_size {height} x {width} does not divide into patches of {patch_size} "
                f"pixels. Set a patch_size that divides both.",
                exit_code=3,
            )
        self.pictures = pictures
        self.image_size = (height, width)
        self.patch_size = patch_size
        self.boxes = grid_boxes(height // patch_size, width // patch_size)

    def read(self, reference: str) -> Visual:
        return self.see(self.pictures.open(reference))

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """Each box of the picture, stretched to one patch: (boxes, 3 p p)."""
        image = as_image(self.pictures.open(reference))
        side, (wide, high) = self.patch_size, image.size
        cut = [
            image.resize(
                (side, side),
                Image.Resampling.BICUBIC,
                (
                    x1 * wide,
                    y1 * high,
                    max(x2 * wide, x1 * wide + 1e-3),
                    max(y2 * high, y1 * high + 1e-3),
                ),
            )
            for x1, y1, x2, y2 in regions
        ]
        seen = [patches(pixels(each, (side, side)), side) for each in cut]
        return Visual(torch.cat(seen), torch.tensor(regions))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return self.pictures.faults(references)

    def see(self, picture: Picture) -> Visual:
        """The patches (N, F) of a picture or of an array (H, W, 3) of bytes, and boxes (N, 4)."""
        return Visual(patches(pixels(picture, self.image_size), self.patch_size), self.boxes)


def pixels(picture: Picture, size: tuple[int, int]) -> Tensor:
    """A picture as (3, H, W) float32, resized to `size` (height, width) and normalised."""
    height, width = size
    rows = fitted(picture, size).reshape(height, width * 3).astype(np.float32)
    rows *= np.tile(_SCALE, width)  # whole rows: numpy is slow along an axis of 3
    rows -= np.tile(_SHIFT, width)
    return torch.from_numpy(rows).view(height, width, 3).permute(2, 0, 1)


def fitted(
    picture: Picture,
    size: tuple[int, int],
    method: Image.Resampling = Image.Resampling.BICUBIC,
) -> np.ndarray:
    """A picture as bytes (H, W, 3), stretched to `size` (height, width) where it has another."""
    if picture_size(picture) != size:
        picture = as_image(picture).resize(size[::-1], method)
    return np.asarray(_rgb(picture) if isinstance(picture, Image.Image) else picture, np.uint8)


def as_image(picture: Picture) -> Image.Image:
    """In RGB."""
    return _rgb(picture if isinstance(picture, Image.Image) else Image.fromarray(picture))


def _rgb(image: Image.Image) -> Image.Image:
    """The image itself where it is in RGB already; converting would copy it."""
    return image if image.mode == "RGB" else image.convert("RGB")


def picture_size(picture: Picture) -> tuple[int, int]:
    """Height and width."""
    if isinstance(picture, Image.Image):
        return picture.height, picture.width
    return picture.shape[0], picture.shape[1]


def patches(picture: Tensor, side: int) -> Tensor:
    """(3, H, W) cut into (N, 3 side side), row by row."""
    C, H, W = picture.shape
    grid = picture.reshape(C, H // side, side, W // side, side)
    return grid.permute(1, 3, 0, 2, 4).reshape(-1, C * side * side)


def unpatched(features: Tensor, side: int, size: tuple[int, int]) -> Tensor:
    """(N, 3 side side) put together again: a picture (3, H, W) of `size` (height, width)."""
    rows, columns = size[0] // side, size[1] // side
    grid = features.reshape(rows, columns, 3, side, side)
    return grid.permute(2, 0, 3, 1, 4).reshape(3, *size)


def grid_boxes(rows: int, columns: int) -> Tensor:
    """The boxes (rows * columns, 4) of a grid's cells as x1, y1, x2, y2 in [0, 1], row by row."""
    top, left = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    x1, y1 = left.flatten() / columns, top.flatten() / rows
    return torch.stack([x1, y1, (left.flatten() + 1) / columns, (top.flatten() + 1) / rows], 1)


def coverage(boxes: Tensor, cells: Tensor) -> Tensor:
    """How much of each box (M, 4) each cell (N, 4) covers, as shares (M, N) whose rows add up to 1;
    a box without area takes the cell that it stands in."""
    low = torch.maximum(boxes[:, None, :2], cells[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], cells[None, :, 2:])
    flat = (boxes[:, 2:] <= boxes[:, :2])[:, None]
    area_MN = (high - low).clamp_min(1e-6 * (flat & (high >= low))).prod(-1)
    return area_MN / area_MN.sum(-1, keepdim=True).clamp_min(1e-30)


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """(M, 4), (N, 4) -> (M, N): what two boxes share, of what they cover together."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = (high - low).clamp_min(0).prod(-1)
    first, second = ((each[:, 2:] - each[:, :2]).prod(-1) for each in (boxes, others))
    return both / (first[:, None] + second[None] - both).clamp_min(1e-12)
