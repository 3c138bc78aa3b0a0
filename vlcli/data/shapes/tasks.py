"""Which pictures a further task is about, and who writes its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import classes, clip_captions, clip_questions, gqa, mmt, nlvr, pretrain, refcoco, vcr
from .sets import FIRST


class Further(NamedTuple):
    """`records` takes a chance, the pictures of a split in the `set`, and the records of the tasks
    `told_by`."""

    set: str
    records: Callable[..., Iterator[dict[str, Any]]]
    told_by: tuple[str, ...] = ()


FURTHER = {
    "gqa": Further("plain", gqa.records),
    "nlvr": Further("classes", nlvr.records),
    "vcr": Further("classes", vcr.records),
    "refcoco": Further(FIRST, refcoco.records),
    "mmt": Further("plain", mmt.records),
    "cls": Further("classes", classes.records),
    "tvqa": Further("clips", clip_questions.tvqa),
    "how2qa": Further("clips", clip_questions.how2qa),
    "tvc": Further("clips", clip_captions.tvc),
    "yc2c": Further("clips", clip_captions.yc2c),
    "activitynet": Further("clips", clip_questions.activitynet),
    "pretrain": Further(FIRST, pretrain.records, ("vqa", "caption")),
    "pretrain_vcr": Further("classes", pretrain.vcr_records, ("vcr",)),
}
TASKS = ("vqa", "caption", *FURTHER)
