"""Stored features in every layout, tiny, of known numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vlcli.data.layouts.opening import opened
from vlcli.data.layouts.record import Features, Record
from vlcli.runs.convert import Converted, Wish, convert

IDS = [f"COCO_val2014_{number:012d}" for number in (42, 73, 74, 133, 136)]
LAYOUTS = {"store": "feats", "h5-split": "val_obj4.h5", "h5-grid": "grids", "tar": "all.tar",
           "npz": "loose"}  # fmt: skip


def boxes(number: int, many: int = 4) -> dict[str, Any]:
    """As tsv_to_h5.py writes the group of a picture of 640 x 480 pixels."""
    draw = np.random.default_rng(number)
    low = draw.random((many, 2)) * [600, 440]
    high = low + draw.random((many, 2)) * [40, 40]
    return {
        "features": draw.standard_normal((many, 6)).astype(np.float32),
        "boxes": np.concatenate([low, high], axis=1).astype(np.float32),
        "img_w": 640,
        "img_h": 480,
        "obj_id": draw.integers(0, 1600, many),
        "obj_conf": draw.random(many).astype(np.float32),
        "attr_id": draw.integers(0, 400, many),
        "attr_conf": draw.random(many).astype(np.float32),
    }


def write_split(path: Path, ids: list[str] = IDS, **more: Any) -> Path:
    with h5py.File(path, "w") as file:
        for number, name in enumerate(ids):
            for key, value in {**boxes(number), **more}.items():
                file[f"{name}/{key}"] = value
    return path


def write_grids(folder: Path, tokens: int = 49) -> Path:
    folder.mkdir()
    for number, name in enumerate(IDS):
        draw = np.random.default_rng(number)
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file[f"{name}/features"] = draw.standard_normal((tokens, 6)).astype(np.float16)
    return folder


def run(source: Path, out: Path, **more: Any) -> tuple[Converted, str]:
    """What came of it, and what was said."""
    said: list[str] = []
    found = convert(Wish(source, out, **more), said.append, lambda done, total: None)
    return found, "\n".join(said)


def records(held: Features) -> dict[str, Record]:
    return {name: held.read(name) for name in held.ids()}


def read(path: Path) -> dict[str, Record]:
    with opened(path) as held:
        return records(held)
