"""Pictures of classes: tiny-imagenet-200, CIFAR-10, and any folder of class folders.

Below data_root, tiny-imagenet-200 holds `words.txt` (wnid, tab, names), pixels in
`train/<wnid>/images/*.JPEG` and `val/images` with `val/val_annotations.txt`, and features in
`clip_features/<split>/data_clip_<type>_att/<wnid>_<number>.h5`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from vlcli.spec.problem import UserError

from ..records import Record, Tell, stop
from ..references import joined, other_root
from . import cifar
from .asked import Asked, no_features
from .files import each_value, lines, no_split, numbered

FOLDER = "tiny-imagenet-200"
PICTURE_ENDS = (".jpg", ".jpeg", ".png")
_WORDS = "Names of the classes; unpack tiny-imagenet-200.zip of cs231n.stanford.edu there"


def cls(asked: Asked) -> list[Record]:
    """Pictures with the names of their classes, of the data set that cls_task names."""
    if asked.cls_task == "cifar10":
        return cifar.records(asked)
    return _grids(asked) if asked.sees_grids else _pixels(asked)


def class_folders(
    path: str | Path, split: str | None = None, each_fault: Tell = stop
) -> list[Record]:
    """The pictures of a folder that holds one folder a class, or of its folder `split`.

    `image` is the path of a picture, `label` the name of its class's folder, or what `words.txt`
    (in the folder or above) says that it means. Pictures may lie deeper, as in
    `<wnid>/images/*.JPEG`; a folder with `val_annotations.txt` is read by that. UserError where
    there is no folder, no class or no picture.
    """
    folder = Path(path) / split if split else Path(path)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: it should hold one folder a class.")
    meanings = next((_meanings(each, _WORDS, each_fault) for each in _words_of(folder)), {})
    return [
        {"id": str(picture.relative_to(folder)), "image": str(picture), "label": label}
        for picture, label in _labelled(folder, meanings, each_fault)
    ]


def _words_of(folder: Path) -> Iterator[Path]:
    for each in (folder, folder.parent):
        if (each / "words.txt").is_file():
            yield each / "words.txt"


def _labelled(
    folder: Path, meanings: dict[str, str], each_fault: Tell
) -> Iterator[tuple[Path, str]]:
    """Pictures and the names of their classes, in the order of both."""
    listed = folder / "val_annotations.txt"
    if listed.is_file():
        yield from _listed(listed, meanings, each_fault)
        return
    classes = sorted(each for each in folder.iterdir() if each.is_dir())
    found = False
    for each in classes:
        for picture in sorted(_pictures(each)):
            found = True
            yield picture, meanings.get(each.name, each.name)
    if not found:
        ends = ", ".join(PICTURE_ENDS)
        raise UserError(
            f"{folder} has {len(classes)} folders and no picture ({ends}) in them: it should hold "
            "one folder a class."
        )


def _pictures(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in names:
            if name.lower().endswith(PICTURE_ENDS):
                yield Path(where) / name


def _listed(path: Path, meanings: dict[str, str], each_fault: Tell) -> list[tuple[Path, str]]:
    def make(line: str, place: str) -> tuple[Path, str]:
        fields = line.split("\t")
        if len(fields) < 2 or Path(fields[0]).name != fields[0]:
            raise UserError(
                f"{place}: the name of a picture, a tab and its class should stand there.",
                exit_code=3,
            )
        return path.parent / "images" / fields[0], meanings.get(fields[1], fields[1])

    held = lines(path, "Names and classes of pictures")
    return each_value(numbered(held, path, "line"), make, each_fault)


def _meanings(path: Path, what: str, each_fault: Tell) -> dict[str, str]:
    """The first name of each wnid."""
    return dict(each_value(numbered(lines(path, what), path, "line"), _meaning, each_fault))


def _meaning(line: str, place: str) -> tuple[str, str]:
    wnid, tab, names = line.partition("\t")
    if line and not tab:
        raise UserError(f"{place}: a wnid, a tab and names should stand there.", exit_code=3)
    return wnid, names.partition(",")[0].strip()


def _pixels(asked: Asked) -> list[Record]:
    folder = asked.root / FOLDER
    if not asked.sees_pixels:
        raise no_features(asked.feature_type, FOLDER)
    if not (folder / asked.split).is_dir():
        there = (each.name for each in folder.glob("*/") if each.name != "clip_features")
        raise _no_folder(asked, folder / asked.split, "pictures", list(there))
    lines(folder / "words.txt", _WORDS + other_root(asked.root))
    found = class_folders(folder, asked.split, asked.each_fault)
    root = asked.root
    return [{**each, "image": str(Path(each["image"]).relative_to(root))} for each in found]


def _grids(asked: Asked) -> list[Record]:
    features = asked.root / FOLDER / "clip_features"
    folder = features / asked.split / f"data_clip_{asked.feature_type}_att"
    if not folder.is_dir():
        there = (each.parent.name for each in features.glob(f"*/{folder.name}"))
        raise _no_folder(asked, folder, f"{asked.feature_type} features", list(there))
    what = _WORDS + other_root(asked.root)
    meanings = _meanings(asked.root / FOLDER / "words.txt", what, asked.each_fault)

    def make(path: Path, place: str) -> Record:
        wnid = path.stem.partition("_")[0]
        if wnid not in meanings:
            raise UserError(f"{place}: words.txt does not know the class {wnid}.", exit_code=3)
        image = joined(path.relative_to(asked.root).as_posix(), path.stem)
        return {"id": path.stem, "image": image, "label": meanings[wnid]}

    held = ((str(path), path) for path in sorted(folder.glob("*.h5")))
    return each_value(held, make, asked.each_fault)


def _no_folder(asked: Asked, folder: Path, things: str, there: list[str]) -> UserError:
    what = no_split(asked.split, things, FOLDER, there, asked.root)
    return UserError(f"There is no folder {folder}. {what}.", exit_code=3 if there else 4)
