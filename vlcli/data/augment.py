"""Random changes of training pictures that leave boxes and texts right: `use_data_augmentation`.

H, W picture size, M regions, N patches, p patch side.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision import tv_tensors  # type: ignore[import-untyped]
from torchvision.transforms import InterpolationMode  # type: ignore[import-untyped]
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]

from vlcli.contracts import Example, Visual

from .dataset import Draw
from .visual import MEAN, patches, unpatched

FLIPPED, ERASED = 0.5, 0.5  # shares of examples, of pictures
KEPT = (0.8, 1.0)  # area that a crop keeps, as a share of the picture
GONE = (0.02, 0.1)  # area that is erased
STRETCHED = 1.1  # height to width of a crop, beside those of the picture, at most; or its inverse
THIN = 3.0  # the same of what is erased
HIDDEN = 0.5  # of a region: more than this is neither cut off nor erased

# What a mirror turns into its opposite, in the languages of the published translations.
SIDES = re.compile(
    r"\b(?:left|right|(?:counter-?|anti-?)?clockwise|links|rechts|(?:link|recht)e[rnms]?\b|gauche"
    r"|droite?s?\b|vlevo|vpravo|(?:na|do)(?:levo|prava?o?)\b|(?:lev|prav)(?:á|é|ý|ou|ém|ého)\b)",
    re.IGNORECASE,
)
REGION = re.compile(r"<vis_extra_id_\d+>")


class Part(NamedTuple):
    """A rectangle of a picture, in shares of its height and width."""

    top: float
    left: float
    height: float
    width: float


class Change(NamedTuple):
    """What is done to a picture, in this order; None leaves a step out."""

    crop: Part | None
    flip: bool
    erase: Part | None


class Augmentation:
    """Changes the pictures of a training example; what is drawn follows from (seed, epoch, number).

    A picture is not flipped where a text of its example speaks of left or right, or where `mirrors`
    is false. It is neither flipped nor cropped where a text names cells of its grid. A crop or an
    erasing that would take more than half of a region is left out. The pictures of an example are
    flipped together. `image_size` (height, width) is given where pictures come as patches.
    """

    def __init__(
        self, seed: int, mirrors: bool = True, image_size: tuple[int, int] | None = None
    ) -> None:
        self.seed = seed
        self.mirrors = mirrors
        self.image_size = image_size

    def __call__(self, example: Example, draw: Draw) -> Example:
        chance = random.Random(f"{self.seed} {draw.epoch} {draw.number} pictures")
        words = list(_texts(example))
        fixed = not example.regions and any(map(REGION.search, words))
        mirrors = self.mirrors and not fixed and not any(map(SIDES.search, words))
        flip = chance.random() < FLIPPED and mirrors
        visuals: list[Visual] = []
        for number, seen in enumerate(example.visuals):
            change = drawn(chance, flip)
            change = change._replace(crop=None) if fixed else change
            visuals.append(self._changed(seen, change, bool(example.regions) and number == 0))
        return replace(example, visuals=tuple(visuals))

    def _changed(self, seen: Visual, change: Change, regions: bool) -> Visual:
        if seen.pixels is not None:
            picture, boxes = changed(seen.pixels.permute(2, 0, 1), seen.boxes, change)
            return seen._replace(pixels=picture.permute(1, 2, 0).contiguous(), boxes=boxes)
        assert self.image_size is not None
        side = math.isqrt(seen.features.shape[1] // 3)
        if regions:
            return _mirrored(seen, side) if change.flip else seen
        picture, _ = changed(unpatched(seen.features, side, self.image_size), NONE, change)
        return seen._replace(features=patches(picture, side))


NONE = torch.zeros(0, 4)


def drawn(chance: random.Random, flip: bool) -> Change:
    crop = _part(chance, KEPT, STRETCHED)
    hole = _part(chance, GONE, THIN)
    return Change(crop, flip, hole if chance.random() < ERASED else None)


def changed(picture: Tensor, boxes: Tensor, change: Change) -> tuple[Tensor, Tensor]:
    """A picture (3, H, W), in bytes or normalised, and its regions (M, 4) after a change, in their
    order."""
    H, W = picture.shape[1:]
    scale = torch.tensor([W, H, W, H])
    image = tv_tensors.Image(picture)
    marked = tv_tensors.BoundingBoxes(boxes * scale, format="XYXY", canvas_size=(H, W))
    if change.crop is not None:
        place = _pixels(change.crop, H, W)
        if not _hides(_outside(marked, place), marked):
            image = functional.resized_crop(
                image, *place, size=[H, W], interpolation=InterpolationMode.BICUBIC
            )
            marked = functional.resized_crop(marked, *place, size=[H, W])
    if change.flip:
        image, marked = functional.horizontal_flip(image), functional.horizontal_flip(marked)
    if change.erase is not None:
        place = _pixels(change.erase, H, W)
        if not _hides(_inside(marked, place), marked):
            image = functional.erase(image, *place, v=_grey(picture))
    return image.as_subclass(Tensor), marked.as_subclass(Tensor) / scale


def _mirrored(seen: Visual, side: int) -> Visual:
    """Patches (M, 3 p p) of regions, and their boxes, as the mirrored picture has them."""
    features = seen.features.unflatten(1, (3, side, side)).flip(-1).flatten(1)
    x1, y1, x2, y2 = seen.boxes.unbind(1)
    return seen._replace(features=features, boxes=torch.stack([1 - x2, y1, 1 - x1, y2], 1))


def _part(chance: random.Random, area: tuple[float, float], stretch: float) -> Part:
    size, ratio = chance.uniform(*area), stretch ** chance.uniform(-1, 1)
    height, width = min(math.sqrt(size * ratio), 1.0), min(math.sqrt(size / ratio), 1.0)
    top, left = chance.uniform(0, 1 - height), chance.uniform(0, 1 - width)
    return Part(top, left, height, width)


def _pixels(part: Part, high: int, wide: int) -> tuple[int, int, int, int]:
    """Top, left, height and width in whole pixels, at least one."""
    top, left = int(part.top * high), int(part.left * wide)
    height, width = max(1, round(part.height * high)), max(1, round(part.width * wide))
    return top, left, min(height, high - top), min(width, wide - left)


def _hides(lost: Tensor, boxes: Tensor) -> bool:
    """Whether areas (M) are too much of boxes (M, 4)."""
    return bool((lost > HIDDEN * _area(boxes)).any())


def _inside(boxes: Tensor, place: tuple[int, int, int, int]) -> Tensor:
    """(M): the area of boxes within a rectangle."""
    top, left, height, width = place
    low, high = torch.tensor([left, top]), torch.tensor([left + width, top + height])
    x1y1, x2y2 = boxes[:, :2].maximum(low), boxes[:, 2:].minimum(high)
    return (x2y2 - x1y1).clamp_min(0).prod(1)


def _outside(boxes: Tensor, place: tuple[int, int, int, int]) -> Tensor:
    return _area(boxes) - _inside(boxes, place)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(1)


def _grey(picture: Tensor) -> Tensor:
    """The mean of photographs (3, 1, 1), as the picture has it."""
    if picture.dtype == torch.uint8:
        return torch.tensor(255 * MEAN).round().to(torch.uint8)[:, None, None]
    return torch.zeros(3, 1, 1)


def _texts(example: Example) -> Iterator[str]:
    """All that is read, learned or chosen from."""
    yield example.text
    yield example.target or ""
    yield from example.labels
    yield from example.references
    yield from example.candidates or ()
    for seen in example.visuals:
        yield from seen.names
