"""Where a run's records and pictures come from: the built-in data set or your own files."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from vlcli.spec.files import OWN_DATA
from vlcli.spec.groups.splits import SplitArgs
from vlcli.spec.groups.visual_encoder import VisualEncoderArgs
from vlcli.spec.problem import UserError

from . import shapes
from .records import Record, read_records
from .visual import PatchReader, PictureFiles, Pictures, Reader

Item = TypeVar("Item")
Role = Literal["train", "valid", "test"]

_SPELLINGS = {"training": "train", "val": "valid", "validation": "valid", "dev": "valid"}


def records(args: SplitArgs, names: str, role: Role, field: shapes.Field) -> list[Record]:
    """The records that `names` (the value of train, valid or test) holds: splits of the built-in
    data set or .jsonl files, joined by commas.

    `field` says which records of the built-in data are meant: questions ("answers") or captions. A
    record of your own files is read in every role, or in that of its `split`; its pictures get
    their whole path and are there.
    """
    found: list[Record] = []
    for name in filter(None, map(str.strip, names.split(","))):
        found += _named(args, name, role, field)
    if not found:
        raise UserError(f'{role} is "{names}", which holds no record.', exit_code=3)
    return found


def pictures(args: SplitArgs) -> Pictures:
    """The pictures that records name."""
    return shapes.load().pictures if args.dataset == "shapes" else PictureFiles()


def reader(args: VisualEncoderArgs, held: Pictures) -> Reader:
    """What makes features of a picture's name, by `feature_type`."""
    if args.feature_type == "patch":
        return PatchReader(held, args.image_size, args.patch_size)
    raise UserError(
        f'feature_type "{args.feature_type}" is not read by this version; "patch" is.', exit_code=3
    )


def topk(items: Sequence[Item], value: float, seed: int) -> list[Item]:
    """So much of the data: a share drawn at random for 0 < value <= 1 (1.0 is everything), the
    first ones above 1, all for 0 and below."""
    if value <= 0:
        return list(items)
    if value > 1:
        return list(items[: int(value)])
    many = math.ceil(round(len(items) * value, 6))
    kept = sorted(random.Random(seed).sample(range(len(items)), many))
    return [items[i] for i in kept]


def _named(args: SplitArgs, name: str, role: Role, field: shapes.Field) -> list[Record]:
    if name.endswith(OWN_DATA):
        if args.dataset is not None:
            raise UserError(
                f'dataset is "{args.dataset}", and {name} is a file of your own. Remove dataset.',
                exit_code=3,
            )
        return _own(args, Path(name), role)
    if args.dataset == "shapes":
        return shapes.load().records(name, field)
    raise UserError(
        f'The split "{name}" of the published data under {args.data_root} is not read by this '
        'version. Name a .jsonl file of your own, or set dataset: "shapes".',
        exit_code=3,
    )


def _own(args: SplitArgs, path: Path, role: Role) -> list[Record]:
    held = read_records(path)
    folder = Path(args.images) if args.images else path.parent
    if not folder.is_dir():
        raise UserError(f"images is {folder}, which is no folder.")
    kept = [record for record in held if _split(record, role) == role]
    if held and not kept:
        named = ", ".join(sorted({str(record["split"]) for record in held}))
        raise UserError(
            f'{path} has no record whose split is "{role}"; it has {named}. Write one of train, '
            "valid and test, or leave split out.",
            exit_code=3,
        )
    return [_with_paths(record, folder, path) for record in kept]


def _split(record: Record, role: Role) -> str:
    named = str(record.get("split", role))
    return _SPELLINGS.get(named, named)


def _with_paths(record: Record, folder: Path, file: Path) -> Record:
    if "image" not in record:
        return record
    images = record["image"] if isinstance(record["image"], list) else [record["image"]]
    paths = [_path(each, folder, f'{file}, record "{record["id"]}"') for each in images]
    return {**record, "image": paths if isinstance(record["image"], list) else paths[0]}


def _path(image: str, folder: Path, place: str) -> str:
    path = folder / image
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        there = inside and path.is_file()
    except (OSError, ValueError) as error:
        raise UserError(f'{place}: "{image}" is no path of a picture ({error}).') from error
    if not inside:
        raise UserError(
            f"{place}: the picture {image} lies outside {folder}. Set images to the folder that "
            "holds all pictures."
        )
    if not there:
        raise UserError(f"{place}: there is no picture {path}.")
    return str(path)
