"""Bad specs for the rules on pretraining objectives."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R115",
        severity="error",
        spec="""{
    task: "pretrain",
    losses: "lm,itm",
}""",
        message="losses names lm without qa, so lm would mask questions as if they were captions.",
        fix="Add qa to losses, or set caption_only: true.",
        at=(3, 5),
        path="losses",
        mended="""{
    task: "pretrain",
    losses: "lm,itm,qa",
}""",
    ),
    Case(
        code="R116",
        severity="error",
        spec="""{
    task: "pretrain",
    losses: "lm,obj,attr,feat",
}""",
        message=(
            "losses names obj, attr and feat, objectives of LXMERT that VL-T5 does not have: "
            "they predict masked regions."
        ),
        fix=(
            "Choose from lm, qa, itm, caption, ground_caption and refer, for example losses: "
            '"lm,qa,itm,ground_caption,refer".'
        ),
        at=(3, 5),
        path="losses",
        mended="""{
    task: "pretrain",
    losses: "lm,qa,itm,ground_caption,refer",
}""",
    ),
    Case(
        code="R116",
        severity="error",
        spec="""{
    task: "vqa",
    losses: ["feat"],
}""",
        message=(
            "losses names feat, an objective of LXMERT that VL-T5 does not have: it predicts "
            "masked regions."
        ),
        fix="Remove losses: only pretraining reads it.",
        at=(3, 5),
        path="losses",
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R121",
        severity="warning",
        spec="""{
    task: "vqa",
    losses: "lm,qa",
    n_ground: 2,
    word_mask_rate: 0.3,
}""",
        message=(
            "losses, n_ground and word_mask_rate have no effect: they are read only by pretraining."
        ),
        fix="Remove them, or train on pretrain or pretrain_vcr.",
        at=(3, 5),
        path="losses",
        places=("n_ground", "word_mask_rate"),
        mended="""{
    task: "pretrain",
    losses: "lm,qa",
    word_mask_rate: 0.3,
}""",
    ),
    Case(
        code="R121",
        severity="warning",
        spec="""{
    task: "pretrain",
    losses: "qa,itm",
    n_ground: 2,
}""",
        message=(
            "n_ground has no effect: it is read only by the objectives ground_caption and refer."
        ),
        fix="Remove it, or add ground_caption or refer to losses.",
        at=(4, 5),
        path="n_ground",
        mended="""{
    task: "pretrain",
    losses: "qa,itm,refer",
    n_ground: 2,
}""",
    ),
    Case(
        code="R121",
        severity="warning",
        spec="""{
    task: "pretrain",
    obj_mask_rate: 0.3,
}""",
        message=(
            "obj_mask_rate has no effect: it is read by no objective: masking objects was LXMERT's."
        ),
        fix="Remove it.",
        at=(3, 5),
        path="obj_mask_rate",
        mended="""{
    task: "pretrain",
}""",
    ),
    Case(
        code="R132",
        severity="warning",
        spec="""{
    task: "pretrain",
    losses: "lm,qa,lm",
}""",
        message="losses names lm more than once.",
        fix='Name each objective once: losses: "lm,qa".',
        at=(3, 5),
        path="losses",
        mended="""{
    task: "pretrain",
    losses: "lm,qa",
}""",
    ),
    Case(
        code="R130",
        severity="error",
        spec="""{
    task: "pretrain",
    word_mask_rate: 0,
}""",
        message="word_mask_rate is 0; it must be a number above 0 and at most 1.",
        fix="Mend the value; the default is 0.15.",
        at=(3, 5),
        path="word_mask_rate",
        mended="""{
    task: "pretrain",
    word_mask_rate: 0.15,
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R117": (
        "Every picture has its own number, whichever texts it has, so grounding needs no caption."
    ),
    "R118": "Both kinds of pretraining know every objective, caption included.",
    "R119": "Where a run goes on is read from its checkpoint, never from a file name.",
}
