"""Bad specs for the rules on fewer visual tokens."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R47",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN101",
    oneddownsample: true,
    n_boxes: 36,
    downsample: true,
}""",
        message=(
            "oneddownsample and downsample are on together; only one of them can reduce the "
            "visual tokens."
        ),
        fix="Keep one of them, for example oneddownsample: true, and set the other to false.",
        at=(4, 5),
        path="oneddownsample",
        places=("downsample",),
        mended="""{
    task: "vqa",
    feature_type: "RN101",
    oneddownsample: true,
    n_boxes: 36,
    downsample: false,
}""",
    ),
    Case(
        code="R47",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN101",
    n_boxes: 36,
    sparse_sample: true,
    downsample: true,
    oneddownsample: true,
}""",
        message=(
            "oneddownsample, downsample and sparse_sample are on together; only one of them "
            "can reduce the visual tokens."
        ),
        fix="Keep one of them, for example oneddownsample: true, and set the others to false.",
        at=(5, 5),
        path="sparse_sample",
        places=("downsample", "oneddownsample"),
        mended="""{
    task: "vqa",
    feature_type: "RN101",
    n_boxes: 36,
    oneddownsample: true,
}""",
    ),
    Case(
        code="R48",
        severity="error",
        spec="""{
    task: "gqa",
    feature_type: "RN101",
    downsample: true,
    n_boxes: 40,
}""",
        message=(
            "downsample leaves a square number of tokens and n_boxes is 40, so only 36 would "
            "be left."
        ),
        fix="Set n_boxes: 36 or 49, or use oneddownsample: true.",
        at=(4, 5),
        path="downsample",
        places=("n_boxes",),
        mended="""{
    task: "gqa",
    feature_type: "RN101",
    downsample: true,
    n_boxes: 36,
}""",
    ),
    Case(
        code="R49",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "patch",
    image_size: [448, 224],
    downsample: true,
    n_boxes: 36,
}""",
        message=(
            "downsample needs a square grid and pictures of 448 x 224 pixels have 14 x 7 "
            "visual tokens."
        ),
        fix="Set image_size: 224, or use oneddownsample: true in place of downsample.",
        at=(4, 5),
        path="image_size",
        places=("downsample",),
        mended="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 224,
    downsample: true,
    n_boxes: 36,
}""",
    ),
    Case(
        code="R50",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN50",
    downsample: true,
    n_boxes: 64,
}""",
        message="downsample is to leave 64 visual tokens and pictures have only 49.",
        fix="Set n_boxes: 49 or a smaller square.",
        at=(4, 5),
        path="downsample",
        places=("n_boxes",),
        mended="""{
    task: "vqa",
    feature_type: "RN50",
    downsample: true,
    n_boxes: 36,
}""",
    ),
    Case(
        code="R50",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN50",
    oneddownsample: true,
    n_boxes: 60,
}""",
        message="oneddownsample is to leave 60 visual tokens and pictures have only 49.",
        fix="Set n_boxes: 49 or less.",
        at=(4, 5),
        path="oneddownsample",
        places=("n_boxes",),
        mended="""{
    task: "vqa",
    feature_type: "RN50",
    oneddownsample: true,
    n_boxes: 48,
}""",
    ),
    Case(
        code="R51",
        severity="warning",
        spec="""{
    task: "vqa",
    downsample: true,
}""",
        message="downsample mixes features of unrelated boxes: butd boxes stand in no grid.",
        fix='Remove downsample, or choose a grid such as feature_type: "RN101".',
        at=(3, 5),
        path="downsample",
        mended="""{
    task: "vqa",
    feature_type: "RN101",
    downsample: true,
}""",
    ),
    Case(
        code="R52",
        severity="error",
        spec="""{
    task: "refcoco",
    downsample: true,
}""",
        message=(
            "downsample changes which visual tokens there are, and refcoco needs the boxes as "
            "they are stored."
        ),
        fix="Remove downsample.",
        at=(3, 5),
        path="downsample",
        mended="""{
    task: "refcoco",
}""",
    ),
    Case(
        code="R52",
        severity="error",
        spec="""{
    task: "mmt",
    sparse_sample: true,
    n_boxes: 20,
}""",
        message=(
            "sparse_sample changes which visual tokens there are, and mmt needs the boxes as "
            "they are stored."
        ),
        fix="Remove sparse_sample.",
        at=(3, 5),
        path="sparse_sample",
        mended="""{
    task: "mmt",
    n_boxes: 20,
}""",
    ),
    Case(
        code="R53",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: 224,
    vis_pooling_output: true,
    oneddownsample: true,
}""",
        message="vis_pooling_output asks for one feature per picture and oneddownsample for 36.",
        fix=(
            "Remove oneddownsample; on BART, expand_vis_embedding makes several tokens of one "
            "feature."
        ),
        at=(5, 5),
        path="vis_pooling_output",
        places=("oneddownsample",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: 224,
    vis_pooling_output: true,
}""",
    ),
    Case(
        code="R161",
        severity="warning",
        spec="""{
    task: "caption",
    feature_type: "RN101",
    downsample: true,
    n_boxes: 49,
}""",
        message="downsample has no effect: pictures have 49 visual tokens and n_boxes is 49.",
        fix="Set n_boxes below 49, or remove downsample.",
        at=(4, 5),
        path="downsample",
        places=("n_boxes",),
        mended="""{
    task: "caption",
    feature_type: "RN101",
    downsample: true,
    n_boxes: 36,
}""",
    ),
    Case(
        code="R161",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "RN101",
    sparse_sample: true,
    n_boxes: 64,
}""",
        message="sparse_sample has no effect: pictures have 49 visual tokens and n_boxes is 64.",
        fix="Set n_boxes below 49, or remove sparse_sample.",
        at=(4, 5),
        path="sparse_sample",
        places=("n_boxes",),
        mended="""{
    task: "vqa",
    feature_type: "RN101",
    sparse_sample: true,
    n_boxes: 40,
}""",
    ),
    Case(
        code="R161",
        severity="warning",
        spec="""{
    task: "yc2c",
    downsample: true,
    n_boxes: 64,
}""",
        message="downsample has no effect: videos are read as n_boxes (64) features.",
        fix="Remove downsample.",
        at=(3, 5),
        path="downsample",
        mended="""{
    task: "yc2c",
    n_boxes: 64,
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {}
