"""Captions with Karpathy's splits: `COCO/dataset_coco.json` below data_root, and of Flickr8k and
Flickr30k `flickr8k/dataset_flickr8k.json` with pictures in `flickr8k/images`, and the like.

A record's `image` is the published name of its picture, such as COCO_val2014_000000000042, or of
Flickr's its path below data_root.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from ..records import Record, Tell, checked, stop
from ..references import other_root
from .asked import Asked, no_features
from .files import a_list, each_of, field, json_value, known_split, numbered

SPLITS = {
    "karpathy_train": ("train", "restval"),
    "karpathy_val": ("val",),
    "karpathy_test": ("test",),
}


FLICKR = ("flickr8k", "flickr30k")


def caption(asked: Asked) -> list[Record]:
    """The pictures of a split with their captions: karpathy_train, flickr8k_train, ..."""
    name, _, split = asked.split.partition("_")
    if name not in FLICKR:
        return captions(asked.root, asked.split, asked.each_fault)
    known_split(split, ("train", "val", "test"), f"Captions of {name}")
    path = asked.root / name / f"dataset_{name}.json"
    if not asked.sees_pixels:
        raise no_features(asked.feature_type, name)
    found = _read(path, f"karpathy_{split}", name, asked.root, asked.each_fault)
    return [{**each, "image": f"{name}/images/{each['id']}.jpg"} for each in found]


def captions(root: Path, split: str, each_fault: Tell = stop) -> list[Record]:
    """The pictures of a Karpathy split of COCO with their captions."""
    known_split(split, SPLITS, "COCO captions")
    return _read(root / "COCO" / "dataset_coco.json", split, "COCO", root, each_fault)


def _read(path: Path, split: str, whose: str, root: Path, each_fault: Tell) -> list[Record]:
    what = (
        f"{whose} captions with Karpathy's splits; unpack caption_datasets.zip of his page "
        f"cs.stanford.edu/people/karpathy/deepimagesent there{other_root(root)}"
    )
    images = a_list(field(json_value(path, what), "images", path), path)
    wanted = (
        (place, image)
        for place, image in numbered(images, path, "image")
        if not isinstance(image, dict) or image.get("split") in SPLITS[split]
    )
    return each_of(wanted, _captioned, each_fault)


def _captioned(image: dict[str, Any], place: str) -> Record:
    image = checked(image, place)
    name, sentences = image.get("filename"), image.get("sentences")
    if not isinstance(name, str) or not name:
        raise UserError(f'{place}: the image has no "filename".', exit_code=3)
    right = isinstance(sentences, list) and all(
        isinstance(each, dict) and isinstance(each.get("raw"), str) for each in sentences
    )
    if not right or not sentences:
        raise UserError(f'{place}: "sentences" must be a list of objects with "raw".', exit_code=3)
    stem = name.partition(".")[0]
    return {"id": stem, "image": stem, "captions": [each["raw"].strip() for each in sentences]}
