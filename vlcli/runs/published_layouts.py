"""Extraction into the published HDF5 layouts: into a store beside the place first, which goes on
where it was stopped, and which is then converted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlcli.data.layouts.h5 import ENDING
from vlcli.data.layouts.opening import opened
from vlcli.data.shards import write_bad
from vlcli.runs.convert import Wish as Conversion
from vlcli.runs.convert import convert, stems
from vlcli.runs.extractor import Wish
from vlcli.runs.progress import Say, Tell
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BUTD_BOXES, CLIP_WIDTH
from vlcli.spec.stores import Index, read_index

USAGE = 2


def target(wish: Wish) -> Path:
    """What is to be made: OUT itself, a file of regions, or the folder of grids below OUT.
    UserError where the layout cannot hold what is asked for."""
    regions = wish.boxes is not None or wish.detector is not None
    if wish.dtype == "bfloat16":
        raise UserError("HDF5 cannot hold bfloat16. Use --dtype float32 or float16.", USAGE)
    if wish.layout == "h5-grid":
        if regions:
            raise UserError(
                "--layout h5-grid has no place for boxes. Use --layout h5-split.", USAGE
            )
        return wish.out / f"data_clip_{_type(wish.encoder)}_att"
    if not regions:
        raise UserError(
            "--layout h5-split is one of regions. Add --boxes FILE or --detector NAME, or use "
            "--layout h5-grid.",
            USAGE,
        )
    if wish.out.suffix != ENDING:
        raise UserError(f"{wish.out} is to be a file of --layout h5-split: end it in .h5.", USAGE)
    if wish.out.stem.endswith(str(BUTD_BOXES)) and wish.boxes_per_picture != BUTD_BOXES:
        raise UserError(
            f"{wish.out} is the name of a file of {BUTD_BOXES} boxes a picture, and "
            f"--boxes-per-picture is {wish.boxes_per_picture}. Name it otherwise.",
            USAGE,
        )
    return wish.out


def meanwhile(path: Path) -> Path:
    """Where the store lies until it is converted."""
    return path.with_name(f".{path.name}.store")


def is_there(path: Path, encoder: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Whether the features asked for are there already. UserError where there are others."""
    wanted = stems(names, "the pictures")
    if not path.exists():
        return False
    with opened(path) as held:
        if held.about.encoder != encoder or not set(held.ids()) <= set(wanted):
            raise UserError(f"{path} holds other features. Name another place.")
    return True


def lay_out(wish: Wish, path: Path, bad: Mapping[str, str], say: Say, tell: Tell) -> bool:
    """Turn the store into what was asked for; False where a stop was asked for."""
    store = meanwhile(path)
    for remark in _remarks(path, wish, read_index(store)):
        say(remark)
    path.parent.mkdir(parents=True, exist_ok=True)
    asked = Conversion(store, path, wish.layout, wish.dtype, ids="stem")
    if bad:
        write_bad(bad_file(path), bad)
    whole = convert(asked, say, tell).whole
    if whole:
        shutil.rmtree(store)
    return whole


def bad_file(path: Path) -> Path:
    """Which file lists the pictures that could not be read."""
    return path.with_name(f"{path.name}.bad.jsonl")


def _type(encoder: str) -> str:
    """What the published folders call an encoder, or its own name."""
    name = encoder.split(":")[1]
    return "ViT" if encoder.startswith("open_clip:ViT") else name


def _remarks(path: Path, wish: Wish, index: Index) -> list[str]:
    """What hinders the readers of the published layouts."""
    if wish.layout == "h5-grid":
        fits = CLIP_WIDTH.get(_type(wish.encoder)) == index.width and index.grid == (7, 7)
        return (
            []
            if fits
            else [
                f"No feature_type reads {index.tokens} x {index.width} features of "
                f"{_type(wish.encoder)} from there; a store has any (--layout store)."
            ]
        )
    found = []
    if index.width != CLIP_WIDTH["RN50"]:
        found.append(
            f'feature_type "butd" reads features of width {CLIP_WIDTH["RN50"]}, and these have '
            f"{index.width}; a store has any (--layout store)."
        )
    if path.stem.endswith(str(BUTD_BOXES)) and index.rows < index.records * BUTD_BOXES:
        found.append(
            f"Some pictures have fewer than {BUTD_BOXES} boxes, which is refused in files whose "
            f"name ends so. Rename {path}."
        )
    return found
