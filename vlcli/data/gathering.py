"""The pictures of a folder, a tar or a .jsonl file: their ids and sizes, and how to open one."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from vlcli.spec.facts import JSON_LINES
from vlcli.spec.problem import UserError

from .listing import Listing
from .members import member
from .records import read_records
from .tars import PictureTar
from .visual import PictureFiles, Pictures, below

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Gathered(NamedTuple):
    """`sizes` are bytes by id, in order (-1 for a picture that is not there); an id is what
    `pictures` opens: a path relative to the folder, or a name in the tar."""

    pictures: Pictures
    sizes: Listing

    @property
    def folder(self) -> str:
        """What all ids begin with up to a slash, with it; "" where that is nothing."""
        common = posixpath.commonprefix([min(self.sizes), max(self.sizes)])
        return common[: common.rfind("/") + 1]


def gather(source: Path, images: Path | None = None) -> Gathered:
    """All pictures of `source`, in the order of their names; those of a .jsonl file in the order of
    its records, from beside it or from `images` (a folder or a tar).

    UserError where the source is missing or names no picture.
    """
    if source.name.endswith(JSON_LINES):
        found = _named(source, images or source.parent)
    elif source.suffix == ".tar":
        tar = PictureTar(source)
        places = sorted(tar.places.items())
        found = Gathered(tar, _pictures((name, size) for name, (_, size) in places))
    elif source.is_dir():
        found = _folder(source)
    else:
        what = "is neither a folder nor a .tar nor a .jsonl file" if source.exists() else "is not"
        raise UserError(f"{source} {what}{'' if source.exists() else ' there'}.")
    if not found.sizes:
        raise UserError(f"{source} has no picture ({', '.join(ENDINGS)}).")
    return found


def _pictures(files: Iterable[tuple[str, int]]) -> Listing:
    return Listing((name, size) for name, size in files if _is_picture(name))


def _is_picture(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return last.endswith(ENDINGS) and not last.startswith(".")


def _folder(folder: Path) -> Gathered:
    paths = (path for path in folder.rglob("*") if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    return Gathered(PictureFiles(folder), _pictures(sorted(sizes.items())))


def _named(file: Path, images: Path) -> Gathered:
    """The pictures that records name, each once."""
    records = read_records(file, needs=["image"])
    images_of = (each["image"] for each in records)
    every = (name for each in images_of for name in (each if isinstance(each, list) else [each]))
    names = dict.fromkeys(every)
    if images.suffix == ".tar":
        tar = PictureTar(images)
        return Gathered(
            tar, Listing((name, tar.places.get(member(name), (0, -1))[1]) for name in names)
        )
    if not images.is_dir():
        raise UserError(f"--images is {images}, which is neither a folder nor a .tar.")
    whole = images.resolve()
    return Gathered(
        PictureFiles(images), Listing((name, _size(images, whole, name, file)) for name in names)
    )


def _size(folder: Path, whole: Path, name: str, file: Path) -> int:
    path = below(folder, whole, name, str(file), "--images")
    return path.stat().st_size if os.path.isfile(path) else -1  # never raises, unlike is_file
