"""Pictures as bytes, for an image tower that belongs to the model.

H, W picture size, M regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from vlcli.contracts import Box, Visual

from .store import FeatureStore, StoredReader
from .visual import Picture, Pictures, fitted

NOTHING = torch.zeros(0, 0)  # features that the tower is to make
WHOLE = torch.zeros(0, 4)  # boxes: none, the tower looks at its whole grid


class WholeReader:
    """Pictures that the tower of a run looks at, as a whole or where regions are named."""

    def read(self, reference: str) -> Visual:
        raise NotImplementedError

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        """The whole picture, with the boxes (M, 4) that the tower is to look at."""
        return self.read(reference)._replace(boxes=torch.tensor(regions))


class PixelReader(WholeReader):
    """`feature_type: "raw_*"` and `"raw:LIBRARY:NAME"`: bytes (H, W, 3), whole and stretched to
    `image_size` (height, width) by `interpolation` (a name of PIL's), as features are extracted."""

    def __init__(
        self, pictures: Pictures, image_size: tuple[int, int], interpolation: str = "bicubic"
    ) -> None:
        self.pictures = pictures
        self.image_size = image_size
        self.interpolation = interpolation

    def read(self, reference: str) -> Visual:
        return self.see(self.pictures.open(reference))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return self.pictures.faults(references)

    def see(self, picture: Picture) -> Visual:
        method = Image.Resampling[self.interpolation.upper()]
        rows = fitted(picture, self.image_size, method)
        held = rows if rows.flags.writeable else rows.copy()  # torch shares what it is given
        return Visual(NOTHING, WHOLE, pixels=torch.from_numpy(held))


class TrunkReader(WholeReader):
    """What the frozen beginning of an image tower makes of pictures (T, C), out of a store, in
    place of their pixels."""

    def __init__(self, path: str | Path, pictures: Pictures) -> None:
        self.store = FeatureStore(path)
        self.pictures = pictures

    def read(self, reference: str) -> Visual:
        return Visual(NOTHING, WHOLE, pixels=self.store.tensor(reference))

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return self.store.faults(references)


class KeptReader(StoredReader):
    """What the image tower of a run would make of its pictures, out of a store. Cells of the grid
    have boxes of zeros unless they are `placed`."""

    def __init__(self, path: str | Path, pictures: Pictures, placed: bool) -> None:
        super().__init__(path, pictures)
        self.placed = placed

    def read(self, reference: str) -> Visual:
        seen = super().read(reference)
        return seen if self.placed else seen._replace(boxes=torch.zeros_like(seen.boxes))
