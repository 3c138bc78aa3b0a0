"""What makes features of pictures: an encoder by name, and the regions that it is to look at.

B pictures, S side in pixels, N cells of the grid, M regions of a picture, F feature width.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vlcli.data.shards import Regions
from vlcli.data.visual import (
    Picture,
    Pictures,
    as_image,
    coverage,
    fitted,
    grid_boxes,
    picture_size,
)
from vlcli.runs.decoding import Decoder
from vlcli.runs.regions import Annotated, Chooser, Detected, Glimpse
from vlcli.runtime.device import choose_device
from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED, RANDOM
from vlcli.spec.problem import UserError
from vlcli.towers import detectors
from vlcli.towers.build import build
from vlcli.towers.tower import Pool, Tower

THREADS = 8  # that decode, at most, unless the user says otherwise


class Wish(NamedTuple):
    """What to extract, as the command line has it: `weights` is a file or package, and without it
    and `random` the library's pretrained weights are taken; `boxes` or `detector` ask for features
    of regions, at most `boxes_per_picture` of them. An encoder that is a run embeds pictures, or
    `texts`. The published layouts (h5-*) are written by way of a store."""

    source: Path
    out: Path
    encoder: str
    weights: str | None = None
    random: bool = False
    pool: Pool = "grid"
    size: int | None = None
    dtype: Literal["float16", "bfloat16", "float32"] = "float16"
    batch_size: int = 32
    device: str = "auto"
    images: Path | None = None
    on_bad: Literal["error", "skip"] = "error"
    shard_size: str = "4GB"
    boxes: Path | None = None
    detector: str | None = None
    detector_weights: Path | None = None
    detector_random: bool = False
    min_score: float = 0.05
    boxes_per_picture: int = 36
    names: Path | None = None
    threads: int | None = None
    layout: Literal["store", "h5-split", "h5-grid"] = "store"
    engine: Literal["local", "ray"] = "local"
    texts: bool = False


class Rows(NamedTuple):
    """Features of pictures, (N, F) or (M, F) each, their regions where there are any, and why
    others could not be read."""

    names: list[str]
    features: Sequence[Tensor] | Tensor
    regions: list[Regions] | None
    bad: dict[str, UserError]


class Extractor:
    """Features of pictures, which `pictures` opens and whose ids begin with `folder`, batch by
    batch: up to `tokens` of `width` each, in rows and columns of a `grid` where they are not of
    regions."""

    def __init__(self, wish: Wish, pictures: Pictures, folder: str) -> None:
        self.wish, self.pictures, self.folder = wish, pictures, folder
        self.device = choose_device(wish.device)
        self.tower = encoder(wish)
        self.side = self.tower.look.size
        self.chooser = chooser(wish, folder)
        rows, columns, self.width = self.tower.shape(wish.pool)
        self.cells = grid_boxes(rows, columns).to(self.device)
        self.grid = None if self.chooser else (rows, columns)
        self.tokens = wish.boxes_per_picture if self.chooser else rows * columns

    def facts(self) -> dict[str, Any]:
        """What an index says of the features before there are any."""
        pool = "regions" if self.chooser else self.wish.pool
        chosen = self.chooser.facts if self.chooser else {}
        return {
            "tokens": self.tokens,
            "width": self.width,
            "dtype": self.wish.dtype,
            "grid": list(self.grid) if self.grid else None,
            "columns": list(self.chooser.columns) if self.chooser else [],
            "encoder": {
                **self.tower.facts(),
                "pool": pool,
                "weights": weights_name(self.wish),
                **chosen,
            },
        }

    def rows(self, batches: Iterator[Sequence[str]]) -> Iterator[Rows]:
        """Features batch by batch, while the next ones are decoded."""
        threads = self.wish.threads or min(THREADS, cores())
        side = self.tower.look.size
        decoder = Decoder(self._see, side, threads, pinned=self.device == "cuda")
        for names, seen, glimpses, bad in decoder.batches(batches):
            if not names:
                yield Rows(names, [], None, bad)
                continue
            grid_BRCF = self.tower.features(seen.to(self.device, non_blocking=True), self.wish.pool)
            cells_BNF = grid_BRCF.flatten(1, 2).float()
            if self.chooser is None:
                yield Rows(names, cells_BNF.cpu(), None, bad)
                continue
            regions = self.chooser.of(glimpses)
            yield Rows(names, list(map(self._within, regions, cells_BNF)), regions, bad)

    def _within(self, regions: Regions, cells: Tensor) -> Tensor:
        """The mean (M, F) of the features (N, F) of a grid within each box, by shares of the cells
        it covers."""
        boxes = torch.from_numpy(regions.boxes).to(self.device)
        return (coverage(boxes, self.cells) @ cells).cpu()

    def _see(self, name: str, place: np.ndarray) -> Glimpse:
        if self.chooser is not None:
            self.chooser.check(name)
        picture = self.pictures.open(name)
        place[:] = see(picture, self.tower)
        high, wide = picture_size(picture)
        if self.chooser is None or not self.chooser.needs_pixels:
            return Glimpse(name, wide, high)
        return Glimpse(name, wide, high, torch.from_numpy(np.array(as_image(picture))))


def cores() -> int:
    """Processors that this process may use."""
    held = getattr(os, "sched_getaffinity", None)
    return len(held(0)) if held else os.cpu_count() or 1


def see(picture: Picture, tower: Tower) -> np.ndarray:
    """A picture as the encoder wants it: whole and stretched, (S, S, 3) in bytes."""
    side = tower.look.size
    method = Image.Resampling[tower.look.interpolation.upper()]
    return fitted(picture, (side, side), method)


def encoder(wish: Wish) -> Tower:
    """The encoder with its weights, where it computes."""
    weights = wish.weights or (RANDOM if wish.random else PRETRAINED)
    return build(wish.encoder, weights, wish.size, read_file).to(choose_device(wish.device))


def chooser(wish: Wish, folder: str) -> Chooser | None:
    """What chooses the regions of pictures; None where the whole grid is wanted."""
    if wish.boxes is not None:
        return Annotated(wish.boxes, wish.boxes_per_picture, wish.names, folder)
    if wish.detector is None:
        return None
    file = wish.detector_weights
    held = read_file(file) if file is not None else None
    pretrained = held is None and not wish.detector_random
    found = detectors.build(wish.detector, pretrained, wish.min_score, held, str(file))
    return Detected(found.to(choose_device(wish.device)), wish.boxes_per_picture, wish.names)


def weights_name(wish: Wish) -> str:
    """How the weights are called in an index."""
    return "random" if wish.random else Path(wish.weights or "pretrained").name
