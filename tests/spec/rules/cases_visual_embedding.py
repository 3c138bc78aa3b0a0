"""Bad specs for the rules from visual features to tokens."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R56",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    image_size: 224,
    expand_vis_embedding: true,
}""",
        message="expand_vis_embedding needs one visual feature per picture and this run has 49.",
        fix="Set vis_pooling_output: true, or remove expand_vis_embedding.",
        at=(4, 5),
        path="feature_type",
        places=("expand_vis_embedding",),
        mended="""{
    task: "vqa",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    image_size: 224,
    expand_vis_embedding: true,
    vis_pooling_output: true,
}""",
    ),
    Case(
        code="R56",
        severity="error",
        spec="""{
    task: "gqa",
    backbone: "bart-base",
    expand_vis_embedding: true,
}""",
        message="expand_vis_embedding needs one visual feature per picture and this run has 36.",
        fix=(
            'Set feature_type: "raw_RN50" with vis_pooling_output: true, or remove '
            "expand_vis_embedding."
        ),
        at=(4, 5),
        path="expand_vis_embedding",
        mended="""{
    task: "gqa",
    backbone: "bart-base",
}""",
    ),
    Case(
        code="R57",
        severity="error",
        spec="""{
    task: "nlvr",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    vis_pooling_output: true,
    expand_vis_embedding: true,
}""",
        message="expand_vis_embedding makes tokens of one picture and examples of nlvr have two.",
        fix="Remove expand_vis_embedding.",
        at=(6, 5),
        path="expand_vis_embedding",
        mended="""{
    task: "nlvr",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    vis_pooling_output: true,
}""",
    ),
    Case(
        code="R58",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "t5-base",
    n_image_tokens: 8,
    share_vis_lang_layer_norm: true,
    vis_use_transformer: true,
}""",
        message=(
            "n_image_tokens, share_vis_lang_layer_norm and vis_use_transformer have no effect: "
            "they are read only by BART; on T5 nothing reads it."
        ),
        fix="Remove them, or choose a BART backbone.",
        at=(4, 5),
        path="n_image_tokens",
        places=("share_vis_lang_layer_norm", "vis_use_transformer"),
        mended="""{
    task: "vqa",
    backbone: "bart-base",
    share_vis_lang_layer_norm: true,
    vis_use_transformer: true,
}""",
    ),
    Case(
        code="R59",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    vis_pooling_output: true,
    expand_vis_embedding: true,
    vis_use_transformer: true,
}""",
        message=(
            "vis_use_transformer has no effect: it is read only with expand_vis_embedding: "
            "false: the expanded embedding takes the place of the transformer."
        ),
        fix="Remove it.",
        at=(7, 5),
        path="vis_use_transformer",
        mended="""{
    task: "vqa",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    vis_pooling_output: true,
    expand_vis_embedding: true,
}""",
    ),
    Case(
        code="R60",
        severity="error",
        spec="""{
    task: "vqa",
    backbone: "facebook/bart-large",
    vis_use_transformer: true,
}""",
        message=(
            "vis_use_transformer has 12 heads, which do not divide the width 1024 of "
            "facebook/bart-large."
        ),
        fix='Set backbone: "facebook/bart-base" (width 768), or remove vis_use_transformer.',
        at=(3, 5),
        path="backbone",
        places=("vis_use_transformer",),
        mended="""{
    task: "vqa",
    backbone: "facebook/bart-base",
    vis_use_transformer: true,
}""",
    ),
    Case(
        code="R60",
        severity="error",
        spec="""{
    task: "nlvr",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    image_size: 576,
    use_vis_order_embedding: true,
    vis_use_transformer: true,
}""",
        message="vis_use_transformer holds 512 positions and an example has 648 visual tokens.",
        fix="Set image_size: 512 or less, or downsample: true with n_boxes: 256.",
        at=(5, 5),
        path="image_size",
        places=("vis_use_transformer",),
        mended="""{
    task: "nlvr",
    backbone: "bart-base",
    feature_type: "raw_RN50",
    image_size: 512,
    use_vis_order_embedding: true,
    vis_use_transformer: true,
}""",
    ),
    Case(
        code="R61",
        severity="warning",
        spec="""{
    task: "vqa",
    backbone: "bart-base",
    additional_visual_embedding_layers: 2,
}""",
        message=(
            "additional_visual_embedding_layers has no effect: it is read only by T5; on BART "
            "nothing reads it."
        ),
        fix="Remove it, or choose a T5 backbone.",
        at=(4, 5),
        path="additional_visual_embedding_layers",
        mended="""{
    task: "vqa",
    backbone: "t5-base",
    additional_visual_embedding_layers: 2,
}""",
    ),
    Case(
        code="R62",
        severity="warning",
        spec="""{
    task: "vqa",
    use_vis_layer_norm: false,
    individual_vis_layer_norm: false,
}""",
        message=(
            "individual_vis_layer_norm has no effect: it is read only with use_vis_layer_norm: "
            "true."
        ),
        fix="Set use_vis_layer_norm: true, or remove it.",
        at=(4, 5),
        path="individual_vis_layer_norm",
        mended="""{
    task: "vqa",
    use_vis_layer_norm: false,
}""",
    ),
    Case(
        code="R64",
        severity="error",
        spec="""{
    task: "vqa",
    pos_dim: 5,
}""",
        message="pos_dim is 5; it must be 4: x1, y1, x2, y2.",
        fix="Mend the value; the default is 4.",
        at=(3, 5),
        path="pos_dim",
        mended="""{
    task: "vqa",
    pos_dim: 4,
}""",
    ),
    Case(
        code="R66",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN50x4",
    feat_dim: 2048,
}""",
        message="feat_dim is 2048 and RN50x4 features are 2560 wide.",
        fix="Set feat_dim: 2560, or remove it: it follows from feature_type.",
        at=(3, 5),
        path="feature_type",
        places=("feat_dim",),
        mended="""{
    task: "vqa",
    feature_type: "RN50x4",
    feat_dim: 2560,
}""",
    ),
    Case(
        code="R66",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN101",
    image_size: 224,
    feat_dim: 2048,
    vis_pooling_output: true,
}""",
        message="feat_dim is 2048 and pooled raw_RN101 features are 512 wide.",
        fix="Set feat_dim: 512, or remove it: it follows from feature_type.",
        at=(3, 5),
        path="feature_type",
        places=("feat_dim",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN101",
    image_size: 224,
    feat_dim: 512,
    vis_pooling_output: true,
}""",
    ),
    Case(
        code="R70",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 448,
    patch_size: 32,
}""",
        message=(
            "A picture has 196 visual tokens and there are only 100 order embeddings: the "
            "others take rows of ordinary tokens."
        ),
        fix=(
            "Set image_size: 320 or less, or downsample: true with n_boxes: 100, or "
            "use_vis_order_embedding: false."
        ),
        at=(3, 5),
        path="feature_type",
        places=("image_size", "patch_size"),
        mended="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 320,
    patch_size: 32,
}""",
    ),
    Case(
        code="R70",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: 512,
    oneddownsample: true,
    n_boxes: 128,
}""",
        message=(
            "A picture has 128 visual tokens and there are only 100 order embeddings: the "
            "others take rows of ordinary tokens."
        ),
        fix="Set n_boxes: 100 or less, or use_vis_order_embedding: false.",
        at=(3, 5),
        path="feature_type",
        places=("image_size", "n_boxes"),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: 512,
    oneddownsample: true,
    n_boxes: 100,
}""",
    ),
    Case(
        code="R71",
        severity="warning",
        spec="""{
    task: "nlvr",
    use_vis_order_embedding: false,
}""",
        message="use_vis_order_embedding is false, so nothing tells nlvr's two pictures apart.",
        fix="Set use_vis_order_embedding: true.",
        at=(3, 5),
        path="use_vis_order_embedding",
        mended="""{
    task: "nlvr",
    use_vis_order_embedding: true,
}""",
    ),
    Case(
        code="R131",
        severity="error",
        spec="""{
    task: "tvc",
    n_boxes: 40,
    downsample: true,
}""",
        message="downsample needs a square number of features and videos have n_boxes, 40.",
        fix="Set n_boxes: 36 or 49, or remove downsample.",
        at=(3, 5),
        path="n_boxes",
        places=("downsample",),
        mended="""{
    task: "tvc",
    n_boxes: 40,
}""",
    ),
    Case(
        code="R131",
        severity="error",
        spec="""{
    task: "tvqa",
    n_boxes: 64,
    feat_dim: 2048,
}""",
        message="feat_dim is 2048 and the stored video features of tvqa are 512 wide.",
        fix="Set feat_dim: 512, or remove it: it follows from the task.",
        at=(4, 5),
        path="feat_dim",
        mended="""{
    task: "tvqa",
    n_boxes: 64,
    feat_dim: 512,
}""",
    ),
    Case(
        code="R153",
        severity="error",
        spec="""{
    task: "multitask",
    tasks: "vqa,tvqa,nlvr,tvc",
}""",
        message=(
            "vqa and nlvr look at pictures and tvqa and tvc at videos; one visual embedding "
            "cannot serve both."
        ),
        fix='Make two runs, this one with tasks: "vqa,nlvr".',
        at=(3, 5),
        path="tasks",
        mended="""{
    task: "multitask",
    tasks: "vqa,nlvr",
}""",
    ),
]

GONE: dict[str, str] = {
    "R73": (
        "use_vision: false is the text-only run of every task: no loader promises pictures then."
    ),
    "R74": "A text-only run has the same tokenizer and vocabulary as any other.",
}

REPAIRED: dict[str, str] = {
    "R63": (
        "Loading compares every name and shape of a checkpoint with the model and says which "
        "keys of the spec differ."
    ),
    "R65": "feat_dim is a whole number here, and 2048.0 is read as one.",
    "R72": (
        "The vocabulary has the 200 added tokens in every run, and the embeddings are resized "
        "to it."
    ),
}
