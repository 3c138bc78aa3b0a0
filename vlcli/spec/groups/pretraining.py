"""Objectives and texts of pretraining."""

from typing import Any

from .. import needs
from ..fields import Group, any_of, arg
from ..lists import names_list

OBJECTIVES = ("lm", "qa", "itm", "caption", "ground_caption", "refer")
LXMERT_OBJECTIVES = ("obj", "attr", "feat")


def _objectives(value: Any) -> Any:
    """Unknown names are errors; LXMERT's three are left to rule R116, which explains itself."""
    names = names_list(value)
    if not isinstance(names, tuple):
        return names
    for name in names:
        if isinstance(name, str) and name not in OBJECTIVES + LXMERT_OBJECTIVES:
            raise ValueError(f'losses names "{name}"; it may name {any_of(OBJECTIVES)}.')
    if not names:
        raise ValueError(f"losses is empty; name at least one of {any_of(OBJECTIVES)}.")
    return names


class PretrainingArgs(Group):
    """Pretraining"""

    losses: tuple[str, ...] = arg(
        ("lm", "qa", "itm", "ground_caption", "refer"),
        "Pretraining objectives, as a comma text or a list: lm (masked text), qa, itm (does the "
        "text match), caption, ground_caption (region to text), refer (text to region).",
        read=_objectives,
        needs=needs.PRETRAIN,
        expects="objectives as a comma text or a list: " + any_of(OBJECTIVES),
    )
    word_mask_rate: float = arg(
        0.15,
        "Share of words that lm masks.",
        gt=0,
        le=1,
        also=("wordMaskRate",),
        code="R130",
        needs=(needs.PRETRAIN, needs.MASKED),
    )
    obj_mask_rate: float = arg(
        0.15,
        "Kept for published command lines.",
        ge=0,
        le=1,
        also=("objMaskRate",),
        code="R130",
        needs=needs.never("R121", "by no objective: masking objects was LXMERT's"),
    )
    n_ground: int = arg(
        1,
        "Regions per ground_caption or refer example.",
        ge=1,
        needs=(needs.PRETRAIN, needs.GROUNDED),
    )
    ground_upsample: int = arg(
        1,
        "Copies of each grounding example.",
        ge=1,
        needs=(needs.PRETRAIN, needs.GROUNDED),
    )
    ground_weight: float = arg(
        1,
        "Weight of a grounding example in the loss.",
        ge=0,
        needs=(needs.PRETRAIN, needs.GROUNDED),
    )
    single_vqa_prefix: bool = arg(
        False,
        'Begin every question of qa with "vqa:", whichever data set it is from.',
        needs=(needs.PRETRAIN, needs.QA_LOSS),
    )
    caption_only: bool = arg(
        False, "Use only texts of COCO captions and Visual Genome.", needs=needs.PRETRAIN
    )
    coco_only: bool = arg(False, "Use only texts of COCO captions.", needs=needs.PRETRAIN)
    caption_cocoonly: bool = arg(
        True,
        "Take the texts of caption from COCO alone.",
        needs=(needs.PRETRAIN, needs.CAPTION_LOSS),
    )
    itm_cocoonly: bool = arg(
        True, "Take the texts of itm from COCO alone.", needs=(needs.PRETRAIN, needs.ITM_LOSS)
    )
