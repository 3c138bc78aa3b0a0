"""The published annotation files of every task of VL-T5 and VL-Adapter, and STS-b, as records.

One file a data set; `read` is the one entry. What a record's `image` holds follows `feature_type`:
for butd and the CLIP grids a reference of `vlcli.data.references` (for clips always the file of
their features), for all that sees pixels what `picture_path` turns into a path.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vlcli.spec.problem import UserError

from ..records import Record, Tell, stop
from ..references import year
from ..shown import tags
from . import video
from .asked import Asked, PublishedArgs, Role
from .captions import caption, captions
from .classes import class_folders, cls
from .mmt import mmt
from .nlvr import nlvr
from .pictures import PublishedPictures, picture_path
from .pretraining import pretrain
from .questions import gqa, questions, vqa
from .refcoco import refcoco
from .sts import sts, text_pairs
from .vcr import pretrain_vcr, vcr

__all__ = [
    "TASKS",
    "PublishedArgs",
    "PublishedPictures",
    "captions",
    "class_folders",
    "picture_path",
    "questions",
    "read",
    "tags",
    "text_pairs",
    "year",
]

TASKS: dict[str, Callable[[Asked], list[Record]]] = {
    "vqa": vqa,
    "gqa": gqa,
    "nlvr": nlvr,
    "vcr": vcr,
    "caption": caption,
    "refcoco": refcoco,
    "mmt": mmt,
    "cls": cls,
    "tvqa": video.choices,
    "how2qa": video.choices,
    "tvc": video.captions,
    "yc2c": video.captions,
    "activitynet": video.activitynet,
    "pretrain": pretrain,
    "pretrain_vcr": pretrain_vcr,
    "sts": sts,
}


def read(
    task: str,
    root: str | Path,
    split: str,
    *,
    args: PublishedArgs,
    role: Role = "train",
    training: bool = False,
    each_fault: Tell = stop,
) -> list[Record]:
    """The records of one published split of a task; `root` is data_root.

    `role` says what the split is read as, `training` whether it is learned from (VQA then needs no
    answers of ten people). UserError names what is missing and what makes it (4), or the file and
    the entry that hold something else than they should, a split that does not exist beside those
    that do, and a split without a record (3). Where `each_fault` does not raise them, entries that
    are wrong are left out.
    """
    if task not in TASKS:
        raise UserError(
            f'The task "{task}" has no published files; those that have: {", ".join(TASKS)}.',
            exit_code=3,
        )
    faults: list[UserError] = []

    def tell(fault: UserError) -> None:
        faults.append(fault)
        each_fault(fault)

    asked = Asked(
        root=Path(root),
        task=task,
        split=split,
        training=training,
        feature_type=args.feature_type,
        raw_label=getattr(args, "raw_label", False),
        cls_task=getattr(args, "cls_task", "tinyimagenet"),
        annotated_boxes=getattr(args, "RefCOCO_GT", False),
        caption_only=getattr(args, "caption_only", False),
        coco_only=getattr(args, "coco_only", False),
        each_fault=tell,
    )
    found = TASKS[task](asked)
    if not found and not faults:
        raise UserError(
            f'{role} is "{split}", and that split of {task} holds no record below {root}.',
            exit_code=3,
        )
    return found
