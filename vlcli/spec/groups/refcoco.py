"""Boxes of referring expressions."""

from .. import needs
from ..fields import Group, arg


class RefcocoArgs(Group):
    """RefCOCOg"""

    RefCOCO_GT: bool = arg(
        False,
        "Choose among the annotated boxes in validation and test, in place of detected ones.",
        needs=(needs.REFCOCO, needs.DETECTED),
    )
    RefCOCO_BUTD: bool = arg(
        False,
        "Kept for published command lines.",
        needs=needs.never(
            "R92",
            "by no code; detected boxes (mattnet) are used where RefCOCO_GT is false",
            "Use RefCOCO_GT alone.",
        ),
    )
    shuffle_boxes: bool = arg(
        False, "Put the boxes of a training picture in random order.", needs=needs.REFCOCO
    )
    only_boxes: bool = arg(
        False,
        "Choose among the names of the picture's boxes; as published, refcoco takes the likeliest "
        "token of the whole vocabulary.",
        needs=needs.REFCOCO,
        new=True,
    )
    vis_pointer: bool = arg(
        False,
        "Point at a box with a head of its own (no such head exists: R93).",
        needs=needs.REFCOCO,
    )
