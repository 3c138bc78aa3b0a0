"""Where a run's records and pictures come from: the built-in data set, the published files, or your
own."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from vlcli.spec import facts, stores
from vlcli.spec.encoders import encoder_of
from vlcli.spec.facts import OWN_DATA, TABLES, TARS
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BUTD_BOXES, STORED_TYPES

from . import published, shapes
from .clips import ClipReader
from .hdf5 import BoxReader, GridReader
from .members import is_inside, member
from .pairs import name_in_tar, read_tar, tars_of
from .pixels import PixelReader
from .published import PublishedArgs, PublishedPictures
from .records import Record, Tell, read_records, stop
from .store import StoredReader
from .tables import Columns, read_table
from .tars import PictureTar
from .visual import PatchReader, PictureFiles, Pictures, Reader, below

Item = TypeVar("Item")
Role = Literal["train", "valid", "test"]

PICTURE_ENDS = (".jpg", ".jpeg", ".png")
CLIPS = (*facts.VIDEO_TASKS, "activitynet")
FOLDERS = ("cls", "alignment", "zeroshot", "linear_probe", "knn")  # a folder of class folders
_SPELLINGS = {"training": "train", "val": "valid", "validation": "valid", "dev": "valid"}


class DataArgs(PublishedArgs, Protocol):
    """What is read of a spec: of SplitArgs, VisualEncoderArgs and VisualEmbeddingArgs."""

    @property
    def dataset(self) -> str | None: ...
    @property
    def data_root(self) -> str: ...
    @property
    def images(self) -> str | None: ...
    @property
    def csv_img_key(self) -> str: ...
    @property
    def csv_caption_key(self) -> str: ...
    @property
    def csv_separator(self) -> str | None: ...
    @property
    def feature_type(self) -> str: ...
    @property
    def image_size(self) -> tuple[int, int]: ...
    @property
    def patch_size(self) -> int: ...
    @property
    def n_boxes(self) -> int: ...
    @property
    def feat_dim(self) -> int: ...
    @property
    def task(self) -> str: ...
    @property
    def oscar_tags(self) -> bool: ...


def records(
    args: DataArgs,
    names: str,
    role: Role,
    task: str,
    training: bool = False,
    each_fault: Tell = stop,
) -> list[Record]:
    """The records that `names` (the value of train, valid or test) holds: splits of the built-in
    data set, published splits, or files of one's own, joined by commas.

    `task` says which records are meant, by its name. A record of your own
    files is read in every role, or in that of its `split`. Published questions carry what
    ten people answered unless they are read for `training`. What `image` holds is what `reader`
    reads: a path, a name in the tar, or the name of stored features. Where
    `each_fault` does not raise them, files, lines and records that are wrong are left out.
    """
    found: list[Record] = []
    faults: list[UserError] = []

    def tell(fault: UserError) -> None:
        faults.append(fault)
        each_fault(fault)

    for name in filter(None, map(str.strip, names.split(","))):
        try:
            found += _named(args, name, role, task, training, tell)
        except UserError as fault:
            tell(fault)
    if not faults and not found:
        each_fault(UserError(f'{role} is "{names}", which holds no record.', exit_code=3))
    once: dict[str, Record] = {}
    for record in found:
        if once.setdefault(record["id"], record) is not record:
            sentence = f'{role} is "{names}", and two records have the id "{record["id"]}".'
            each_fault(UserError(sentence, exit_code=3))
    return list(once.values())


def pictures(args: DataArgs) -> Pictures:
    """The pictures that records name."""
    if args.dataset == "shapes":
        return shapes.load().pictures
    tar = _tar(args)
    if tar:
        return PublishedPictures(PictureTar(tar))
    stored = stores.path_of(args.feature_type)
    return PictureFiles(args.images or ".") if stored else PublishedPictures()


def reader(args: DataArgs, held: Pictures, interpolation: str = "bicubic") -> Reader:
    """What makes features of what records name, by `feature_type`; `interpolation` is that of the
    run's image tower, if there is one."""
    if encoder_of(args.feature_type):
        return PixelReader(held, args.image_size, interpolation)
    if args.feature_type == "patch":
        return PatchReader(held, args.image_size, args.patch_size)
    if store := stores.path_of(args.feature_type):
        return StoredReader(store, held, named=_needs_names(args))
    if args.dataset is not None and args.feature_type in STORED_TYPES:
        raise UserError(
            f'feature_type is "{args.feature_type}", and dataset "{args.dataset}" has no stored '
            'features. Set feature_type: "patch".',
            exit_code=3,
        )
    if args.task in CLIPS and args.feature_type in STORED_TYPES:
        return ClipReader(args.data_root, args.n_boxes, args.feat_dim)
    if args.feature_type == "butd":
        reduced = any(getattr(args, key, False) for key in facts.REDUCTIONS)
        many = BUTD_BOXES if reduced else args.n_boxes
        return BoxReader(args.data_root, many, named=_needs_names(args))
    return GridReader(args.data_root, args.feature_type)


def _needs_names(args: DataArgs) -> bool:
    """Whether the task speaks of what stored boxes show."""
    told = facts.GROUNDED & set(getattr(args, "losses", ()))
    return bool(args.oscar_tags or (args.task in facts.PRETRAINING and told))


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


def _named(
    args: DataArgs, name: str, role: Role, task: str, training: bool, each_fault: Tell
) -> list[Record]:
    if name.endswith(OWN_DATA):
        if args.dataset is not None:
            raise UserError(
                f'dataset is "{args.dataset}", and {name} is a file of your own. Remove dataset.',
                exit_code=3,
            )
        return _own(args, name, role, task, each_fault)
    if args.dataset == "shapes":
        return shapes.load().records(name, facts.RECORDS.get(task, task))
    if task in FOLDERS and Path(name).is_dir():
        if next(Path(name).glob("*.tar"), None):
            return _own(args, name, role, task, each_fault)
        return published.class_folders(name, each_fault=each_fault)
    task = facts.RECORDS.get(task, task)
    found = published.read(
        task,
        args.data_root,
        name,
        args=args,
        role=role,
        training=training,
        each_fault=each_fault,
    )
    return [_located(args, record) if "image" in record else record for record in found]


def _located(args: DataArgs, record: Record) -> Record:
    """A published record whose `image` is what the reader takes: a path where pixels are read."""
    if args.feature_type in STORED_TYPES or args.task in CLIPS:
        return record
    root, image = Path(args.data_root), record["image"]
    if isinstance(image, list):
        return {**record, "image": [str(published.picture_path(root, each)) for each in image]}
    return {**record, "image": str(published.picture_path(root, image))}


def _own(args: DataArgs, name: str, role: Role, task: str, each_fault: Tell) -> list[Record]:
    """The records of a role in a file, or in tars."""
    path = Path(name)
    if tarred := path.is_dir() or name.endswith(TARS):
        held = [record for tar in tars_of(name) for record in read_tar(tar, each_fault)]
    elif name.endswith(TABLES) and task == "sts":
        held = published.text_pairs(path, each_fault)
    elif name.endswith(TABLES):
        held = read_table(path, Columns.of(args), each_fault)
    else:
        held = read_records(path, each_fault=each_fault)
    kept = [record for record in held if _split(record, role) == role]
    if held and not kept:
        named = ", ".join(sorted({str(record["split"]) for record in held}))
        raise UserError(
            f'{path} has no record whose split is "{role}"; it has {named}. Write one of train, '
            "valid and test, or leave split out.",
            exit_code=3,
        )
    where = _tarred(args) if tarred else _folder(args, path)
    found: list[Record] = []
    for record in kept:
        try:
            found.append(_placed(record, where, f'{path}, record "{record["id"]}"'))
        except UserError as fault:
            each_fault(fault)
    return found


def _tarred(args: DataArgs) -> Where:
    """A store knows pictures of a tar by their names."""
    stored = args.feature_type in STORED_TYPES or stores.path_of(args.feature_type)
    return lambda image, place: name_in_tar(image) if stored else image


def _split(record: Record, role: Role) -> str:
    named = str(record.get("split", role))
    return _SPELLINGS.get(named, named)


class Where(Protocol):
    """Turns what your own record names into what the reader takes."""

    def __call__(self, image: str, place: str) -> str: ...


def _folder(args: DataArgs, file: Path) -> Where:
    if args.feature_type in STORED_TYPES:
        return _feature_name
    if stores.path_of(args.feature_type):
        return _store_id
    tar = _tar(args)
    if tar:
        return partial(_in_tar, tar)
    folder = Path(args.images) if args.images else file.parent
    if not folder.is_dir():
        raise UserError(f"images is {folder}, which is neither a folder nor a .tar.")
    return partial(_in_folder, folder, folder.resolve())


def _tar(args: DataArgs) -> Path | None:
    return Path(args.images) if args.images and args.images.endswith(".tar") else None


def _placed(record: Record, where: Where, place: str) -> Record:
    image = record.get("image")
    if image is None:
        return record
    if isinstance(image, list):
        return {**record, "image": [where(each, place) for each in image]}
    return {**record, "image": where(image, place)}


def _in_folder(folder: Path, whole: Path, image: str, place: str) -> str:
    return str(below(folder, whole, image, place, "images"))


def _in_tar(tar: Path, image: str, place: str) -> str:
    if not is_inside(image):
        raise UserError(f"{place}: the picture {image} lies outside {tar}.")
    return member(image)


def _store_id(image: str, place: str) -> str:
    """A store knows pictures by the names that it was told."""
    return image


def _feature_name(image: str, place: str) -> str:
    """The name that feature files have for a picture: that of its file without the ending."""
    path = Path(image)
    return path.stem if path.suffix.lower() in PICTURE_ENDS else image
