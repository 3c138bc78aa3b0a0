"""Bad specs for the rules on visual features and the image tower."""

from __future__ import annotations

from .case import Case

CASES: list[Case] = [
    Case(
        code="R54",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN101",
    vis_pooling_output: true,
}""",
        message="vis_pooling_output asks for a pooled feature and RN101 features have none.",
        fix='Remove vis_pooling_output, or set feature_type: "raw_RN101".',
        at=(3, 5),
        path="feature_type",
        places=("vis_pooling_output",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN101",
    vis_pooling_output: true,
}""",
    ),
    Case(
        code="R54",
        severity="warning",
        spec="""{
    task: "gqa",
    vis_pooling_output: true,
}""",
        message="vis_pooling_output has no effect: butd features have no pooled one.",
        fix='Remove vis_pooling_output, or set feature_type: "raw_RN50".',
        at=(3, 5),
        path="vis_pooling_output",
        mended="""{
    task: "gqa",
}""",
    ),
    Case(
        code="R54",
        severity="warning",
        spec="""{
    task: "tvc",
    vis_pooling_output: true,
}""",
        message="vis_pooling_output has no effect: videos are read as stored features.",
        fix="Remove vis_pooling_output.",
        at=(3, 5),
        path="vis_pooling_output",
        mended="""{
    task: "tvc",
}""",
    ),
    Case(
        code="R76",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: "400,300",
}""",
        message="image_size is 400 x 300; raw_RN50 takes squares whose side is a multiple of 32.",
        fix="Set image_size: 384.",
        at=(3, 5),
        path="feature_type",
        places=("image_size",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    image_size: 384,
}""",
    ),
    Case(
        code="R76",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "raw:timm:resnet18",
    image_size: "400,300",
}""",
        message="image_size is 400 x 300; raw:timm:resnet18 takes squares.",
        fix="Set image_size: 400.",
        at=(3, 5),
        path="feature_type",
        places=("image_size",),
        mended="""{
    task: "vqa",
    feature_type: "raw:timm:resnet18",
    image_size: 400,
}""",
    ),
    Case(
        code="R77",
        severity="warning",
        spec="""{
    task: "vqa",
    image_size: 224,
}""",
        message=(
            "image_size has no effect: it is read only when pictures are read as pixels "
            "(feature_type raw_*, raw:* or patch)."
        ),
        fix="Remove it, or choose a raw or patch feature_type.",
        at=(3, 5),
        path="image_size",
        mended="""{
    task: "vqa",
}""",
    ),
    Case(
        code="R77",
        severity="warning",
        spec="""{
    task: "vqa",
    use_vis_adapter: true,
    vis_reduction_factor: 4,
}""",
        message=(
            "use_vis_adapter and vis_reduction_factor have no effect: they are read only when "
            "pictures pass through an image tower (feature_type raw_* or raw:*)."
        ),
        fix="Remove them, or choose a raw feature_type.",
        at=(3, 5),
        path="use_vis_adapter",
        places=("vis_reduction_factor",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    vis_reduction_factor: 4,
}""",
    ),
    Case(
        code="R77",
        severity="warning",
        spec="""{
    task: "gqa",
    feature_type: "raw_ViT",
    image_size: 224,
    freeze_bn_statistics: true,
}""",
        message=(
            "freeze_bn_statistics has no effect: it is read only when pictures pass through a "
            "tower with batch norms (raw_RN*, or one of raw:*)."
        ),
        fix="Remove it, or choose a raw_RN* feature_type.",
        at=(5, 5),
        path="freeze_bn_statistics",
        mended="""{
    task: "gqa",
    feature_type: "raw_RN50",
    image_size: 224,
    freeze_bn_statistics: true,
}""",
    ),
    Case(
        code="R78",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "RN50",
    use_separate_optimizer_for_visual: true,
}""",
        message=(
            "use_separate_optimizer_for_visual needs an image tower and RN50 features come "
            "without one."
        ),
        fix='Remove use_separate_optimizer_for_visual, or set feature_type: "raw_RN50".',
        at=(3, 5),
        path="feature_type",
        places=("use_separate_optimizer_for_visual",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_separate_optimizer_for_visual: true,
}""",
    ),
    Case(
        code="R79",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_adam_for_visual: true,
    vis_lr: 1e-5,
}""",
        message=(
            "use_adam_for_visual and vis_lr have no effect: they are read only with "
            "use_separate_optimizer_for_visual: true."
        ),
        fix="Set use_separate_optimizer_for_visual: true, or remove them.",
        at=(4, 5),
        path="use_adam_for_visual",
        places=("vis_lr",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_separate_optimizer_for_visual: true,
    use_adam_for_visual: true,
    vis_lr: 1e-5,
}""",
    ),
    Case(
        code="R79",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    optim: "sgd",
    use_separate_optimizer_for_visual: true,
    unfreeze_vis_encoder: true,
}""",
        message=(
            "use_separate_optimizer_for_visual has no effect: it is read only with optim: "
            '"adamw": the other optimizers keep one set of settings for all parameters.'
        ),
        fix='Set optim: "adamw", or remove it.',
        at=(5, 5),
        path="use_separate_optimizer_for_visual",
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    optim: "adamw",
    use_separate_optimizer_for_visual: true,
    unfreeze_vis_encoder: true,
}""",
    ),
    Case(
        code="R81",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    vis_adapter_type: "midle-bottleneck",
}""",
        message=(
            'vis_adapter_type is "midle-bottleneck"; it must be places joined by / (front, '
            "middle, back, transition), a dash, and bottleneck or basic."
        ),
        fix='Did you mean "middle-bottleneck"?',
        at=(5, 5),
        path="vis_adapter_type",
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    vis_adapter_type: "middle-bottleneck",
}""",
    ),
    Case(
        code="R82",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    vis_adapter_type: "front/back-basic",
    vis_reduction_factor: 4,
}""",
        message=(
            "vis_reduction_factor has no effect: it is read only by visual adapters of kind "
            "bottleneck."
        ),
        fix="Remove it.",
        at=(6, 5),
        path="vis_reduction_factor",
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    vis_adapter_type: "front/back-basic",
}""",
    ),
    Case(
        code="R84",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_vis_encoder: true,
    unfreeze_vis_last_layer: true,
    unfreeze_batch_norms: true,
}""",
        message=(
            "unfreeze_vis_last_layer and unfreeze_batch_norms add nothing: "
            "unfreeze_vis_encoder trains the whole image tower."
        ),
        fix=(
            "Remove unfreeze_vis_last_layer and unfreeze_batch_norms, or set "
            "unfreeze_vis_encoder: false."
        ),
        at=(4, 5),
        path="unfreeze_vis_encoder",
        places=("unfreeze_vis_last_layer", "unfreeze_batch_norms"),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_vis_encoder: true,
}""",
    ),
    Case(
        code="R85",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    freeze_bn_statistics: false,
}""",
        message=(
            "freeze_bn_statistics is false, so the batch norms of the frozen raw_RN50 tower "
            "change while training."
        ),
        fix="Set freeze_bn_statistics: true.",
        at=(3, 5),
        path="feature_type",
        places=("freeze_bn_statistics",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    freeze_bn_statistics: true,
}""",
    ),
    Case(
        code="R152",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 224,
    patch_size: 30,
}""",
        message="patch_size 30 does not divide pictures of 224 x 224 pixels.",
        fix="Set patch_size: 28 or 32.",
        at=(4, 5),
        path="image_size",
        places=("patch_size",),
        mended="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 224,
    patch_size: 28,
}""",
    ),
    Case(
        code="R152",
        severity="error",
        spec="""{
    task: "vqa",
    feature_type: "patch",
    image_size: [211, 223],
    patch_size: 32,
}""",
        message="patch_size 32 does not divide pictures of 211 x 223 pixels.",
        fix="Set image_size: 224.",
        at=(4, 5),
        path="image_size",
        places=("patch_size",),
        mended="""{
    task: "vqa",
    feature_type: "patch",
    image_size: 224,
    patch_size: 32,
}""",
    ),
    Case(
        code="R160",
        severity="error",
        spec="""{
    task: "tvqa",
    feature_type: "patch",
}""",
        message=(
            'feature_type is "patch" and tvqa has no pictures: videos come as stored ViT features.'
        ),
        fix='Remove feature_type, or set it to "ViT".',
        at=(3, 5),
        path="feature_type",
        mended="""{
    task: "tvqa",
}""",
    ),
    Case(
        code="R160",
        severity="warning",
        spec="""{
    task: "yc2c",
    feature_type: "RN101",
}""",
        message=(
            'feature_type is "RN101" and yc2c does not read it: videos come as stored ViT features.'
        ),
        fix='Remove feature_type, or set it to "ViT".',
        at=(3, 5),
        path="feature_type",
        mended="""{
    task: "yc2c",
    feature_type: "ViT",
}""",
    ),
    Case(
        code="R162",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_separate_optimizer_for_visual: true,
    vis_lr: 1e-5,
}""",
        message=(
            "use_separate_optimizer_for_visual has no effect: nothing of the image tower trains."
        ),
        fix="Set use_vis_adapter: true or unfreeze_vis_encoder: true, or remove it.",
        at=(4, 5),
        path="use_separate_optimizer_for_visual",
        places=("vis_lr",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    use_vis_adapter: true,
    use_separate_optimizer_for_visual: true,
    vis_lr: 1e-5,
}""",
    ),
    Case(
        code="R174",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
    freeze_bn_statistics: true,
    unfreeze_batch_norms: true,
}""",
        message="cache_features has no effect: unfreeze_batch_norms lets the image tower "
        "train from its beginning, so features do not stay the same.",
        fix="Remove cache_features, or remove unfreeze_batch_norms.",
        at=(5, 5),
        path="cache_features",
        places=("unfreeze_batch_norms",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
    freeze_bn_statistics: true,
}""",
    ),
    Case(
        code="R174",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
    freeze_bn_statistics: true,
    use_data_augmentation: true,
}""",
        message="cache_features has no effect: use_data_augmentation changes the pictures, "
        "so features do not stay the same.",
        fix="Remove cache_features, or remove use_data_augmentation.",
        at=(5, 5),
        path="cache_features",
        places=("use_data_augmentation",),
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
    freeze_bn_statistics: true,
}""",
    ),
    Case(
        code="R174",
        severity="warning",
        spec="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
}""",
        message="cache_features has no effect: the batch norms of the tower follow what they see, "
        "so features do not stay the same.",
        fix="Remove cache_features, or set freeze_bn_statistics: true.",
        at=(5, 5),
        path="cache_features",
        mended="""{
    task: "vqa",
    feature_type: "raw_RN50",
    unfreeze_language_model: true,
    cache_features: true,
    freeze_bn_statistics: true,
}""",
    ),
]

GONE: dict[str, str] = {}

REPAIRED: dict[str, str] = {
    "R55": "The pooled feature of raw_ViT is 512 wide, and its tower returns it.",
    "R75": "Image towers come by name from a library that reads CLIP ViTs as well as ResNets.",
    "R80": "The trainer scales, steps and schedules both optimizers itself, in every precision.",
    "R83": "remove_bn_vis_adapter reaches every block of a stage and every task.",
    "R86": "One reader of pictures serves every task, so raw_* works for all of them.",
    "R87": "One reader of features serves every task, so each takes every feature_type.",
    "R88": "refcoco, vcr, mmt and pretrain_vcr read the feature_type that the spec names.",
    "R89": "Pretraining reads features like every other task, those of CLIP included.",
    "R90": "ground_caption and refer are built in one place, whatever the features are.",
    "R91": (
        "Object names come from the box file itself and never from a handle that another "
        "reader closed."
    ),
}
