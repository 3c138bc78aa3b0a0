"""How answers to questions are learned."""

from .. import needs
from ..fields import Group, arg


class VqaArgs(Group):
    """VQA"""

    classifier: bool = arg(
        False,
        "Choose from the answer list with a classification head, in place of writing the answer.",
        needs=needs.CLASSIFIED,
    )
    raw_label: bool = arg(
        False, "Learn one of the ten raw answers, drawn at random.", needs=needs.VQA
    )
    answer_normalize: bool = arg(
        False,
        "Normalise that raw answer like the official evaluation.",
        needs=(needs.VQA, needs.RAW_LABEL),
    )
    test_answerable: bool = arg(
        False,
        "Kept for published command lines.",
        needs=needs.never("R99", "by no code, here or in the published tool"),
    )
