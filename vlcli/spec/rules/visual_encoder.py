"""Where visual features come from, and the image tower that makes them during a run."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

TOWER_STRIDE = 32


def _tower(run: Run) -> bool:
    """Whether pictures pass through an image tower during the run."""
    return facts.sees(run) and facts.is_raw(run) and not facts.watches(run)


def _batch_norms(run: Run) -> bool:
    """Whether that tower is known to have batch norms: the CLIP ResNets do, ViT does not."""
    return _tower(run) and str(run.feature_type).startswith("raw_RN")


AT_THE_END = ("unfreeze_vis_last_layer", "use_vis_adapter")  # where towers may begin to learn late


def _trained(run: Run) -> list[str]:
    """The keys that let something of the tower train."""
    norms = () if _batch_norms(run) else ("unfreeze_layer_norms",)
    return run.on(*facts.TOWER_PARTS, *norms, "use_lora")


@rule(RULES, "R54", "warning", "only a tower pools", "vis_pooling_output feature_type")
def pooled_features_are_not_stored(run: Run) -> Iterator[Finding]:
    """The pooled feature of a picture is the last output of an image tower, so it needs a raw_*
    feature_type. Stored files hold the grid alone. For vqa the published code looks for a second
    set of files that its extraction never writes; for the other tasks it ignores the key."""
    if not run.vis_pooling_output or not facts.sees(run) or facts.is_raw(run):
        return
    if facts.watches(run):
        yield Finding(
            ("vis_pooling_output",),
            "vis_pooling_output has no effect: videos are read as stored features.",
            "Remove vis_pooling_output.",
        )
        return
    kind = run.feature_type
    raw = f"raw_{kind}" if kind.startswith("RN") else "raw_RN50"
    vqa = facts.trains(run, "vqa")
    yield Finding(
        ("vis_pooling_output", "feature_type"),
        f"vis_pooling_output asks for a pooled feature and {kind} features have none."
        if vqa
        else f"vis_pooling_output has no effect: {kind} features have no pooled one.",
        f'Remove vis_pooling_output, or set feature_type: "{raw}".',
        "error" if vqa else None,
    )


@rule(RULES, "R76", "error", "the picture size of a tower", "image_size feature_type")
def tower_picture_size(run: Run) -> Iterator[Finding]:
    """Image towers number the cells of a picture on a square, so pictures must be square. The CLIP
    towers (raw_*) reduce them to cells of 32 x 32 pixels, so there the side must be a multiple of
    32."""
    if not _tower(run):
        return
    height, wide = run.image_size
    cell = 1 if facts.is_any_tower(run) else TOWER_STRIDE
    if height != wide or height % cell:
        side = max(cell, round(height / cell) * cell)
        multiple = "" if cell == 1 else f" whose side is a multiple of {cell}"
        yield Finding(
            ("image_size", "feature_type"),
            f"image_size is {height} x {wide}; {run.feature_type} takes squares{multiple}.",
            f"Set image_size: {side}.",
        )


@rule(
    RULES,
    "R78",
    "error",
    "an optimizer without a tower",
    "use_separate_optimizer_for_visual feature_type",
)
def optimizer_without_tower(run: Run) -> Iterator[Finding]:
    """use_separate_optimizer_for_visual sets the rates of the image tower, and stored features and
    pixel patches pass through none. The published code stops when it looks for the tower."""
    if run.use_separate_optimizer_for_visual and facts.sees(run) and not facts.is_raw(run):
        yield Finding(
            ("use_separate_optimizer_for_visual", "feature_type"),
            f"use_separate_optimizer_for_visual needs an image tower and {run.feature_type} "
            "features come without one.",
            'Remove use_separate_optimizer_for_visual, or set feature_type: "raw_RN50".',
        )


@rule(
    RULES,
    "R84",
    "warning",
    "parts of a tower that trains anyway",
    "unfreeze_vis_encoder unfreeze_vis_last_layer unfreeze_batch_norms",
)
def parts_of_the_tower(run: Run) -> Iterator[Finding]:
    """unfreeze_vis_encoder trains the whole image tower, its last stage and its batch norms
    included."""
    parts = run.on("unfreeze_vis_last_layer", "unfreeze_batch_norms")
    if _tower(run) and run.unfreeze_vis_encoder and parts:
        several = len(parts) > 1
        yield Finding(
            (*parts, "unfreeze_vis_encoder"),
            f"{listed(parts)} {'add' if several else 'adds'} nothing: unfreeze_vis_encoder trains "
            "the whole image tower.",
            f"Remove {listed(parts)}, or set unfreeze_vis_encoder: false.",
        )


@rule(RULES, "R85", "warning", "statistics that drift", "freeze_bn_statistics feature_type")
def drifting_statistics(run: Run) -> Iterator[Finding]:
    """A batch norm follows the mean and variance of what it sees while training, frozen weights or
    not, so a frozen ResNet tower slowly changes. freeze_bn_statistics: true keeps it as it is. A
    tower that trains as a whole, or with its batch norms, is meant to follow."""
    if not _batch_norms(run) or not facts.learns(run):
        return
    if not run.freeze_bn_statistics and not run.on("unfreeze_vis_encoder", "unfreeze_batch_norms"):
        yield Finding(
            ("freeze_bn_statistics", "feature_type"),
            f"freeze_bn_statistics is false, so the batch norms of the frozen {run.feature_type} "
            "tower change while training.",
            "Set freeze_bn_statistics: true.",
        )


@rule(RULES, "R152", "error", "patches fill the picture", "patch_size image_size")
def patches_fill_the_picture(run: Run) -> Iterator[Finding]:
    """feature_type: "patch" cuts a picture into squares of patch_size pixels, so patch_size must
    divide the height and the width of image_size."""
    if run.feature_type != "patch" or not facts.sees(run) or facts.watches(run):
        return
    (height, wide), side = run.image_size, run.patch_size
    if height % side == 0 and wide % side == 0:
        return
    near = facts.near_divisors(gcd(height, wide), side)
    near = [each for each in near if side <= 2 * each <= 4 * side]
    if near:
        fix = f"Set patch_size: {' or '.join(map(str, near))}."
    else:
        sizes = [max(side, round(n / side) * side) for n in (height, wide)]
        fix = f"Set image_size: {sizes[0] if sizes[0] == sizes[1] else sizes}."
    yield Finding(
        ("patch_size", "image_size"),
        f"patch_size {side} does not divide pictures of {height} x {wide} pixels.",
        fix,
    )


@rule(
    RULES,
    "R160",
    "warning",
    "video features are stored",
    "feature_type dataset train valid test task tasks",
)
def video_feature_type(run: Run) -> Iterator[Finding]:
    """tvqa, how2qa, tvc and yc2c read stored CLIP ViT features of their published clips, whatever
    feature_type says. A type that asks for pixels (raw_*, patch) is an error: no picture passes
    through a tower in such a run. Clips of your own and drawn ones may be pictures."""
    kind = run.feature_type
    if not run.wrote("feature_type") or not facts.sees(run) or kind == "ViT":
        return
    if run.dataset is not None or facts.own_files(run):
        return
    if all(task in facts.VIDEO_TASKS for task in facts.trained_tasks(run)) and run.tasks:
        pixels = facts.is_raw(run) or kind == "patch"
        yield Finding(
            ("feature_type",),
            f'feature_type is "{kind}" and {listed(facts.trained_tasks(run))} '
            f"{'has no pictures' if pixels else 'does not read it'}: videos come as stored ViT "
            "features.",
            'Remove feature_type, or set it to "ViT".',
            "error" if pixels else None,
        )


@rule(
    RULES,
    "R162",
    "warning",
    "rates of a tower that is frozen",
    "use_separate_optimizer_for_visual use_adam_for_visual vis_lr vis_weight_decay",
)
def rates_of_a_frozen_tower(run: Run) -> Iterator[Finding]:
    """use_separate_optimizer_for_visual, vis_lr and their like speak of the trainable weights of
    the image tower. It has some with use_vis_adapter, one of the unfreeze_vis_* keys,
    unfreeze_batch_norms, unfreeze_layer_norms (where it has such), or LoRA (which trains all
    biases)."""
    if _tower(run) and run.use_separate_optimizer_for_visual and not _trained(run):
        yield Finding(
            ("use_separate_optimizer_for_visual", "use_adam_for_visual", "vis_lr"),
            "use_separate_optimizer_for_visual has no effect: nothing of the image tower trains.",
            "Set use_vis_adapter: true or unfreeze_vis_encoder: true, or remove it.",
        )


@rule(
    RULES,
    "R174",
    "warning",
    "features that do not stay the same",
    "cache_features use_data_augmentation freeze_bn_statistics",
)
def features_to_keep(run: Run) -> Iterator[Finding]:
    """cache_features keeps what a tower makes of each picture, up to the first stage of the tower
    that learns. So it has no effect where that begins at once (unfreeze_vis_encoder,
    unfreeze_batch_norms, unfreeze_layer_norms, the biases that LoRA trains), where
    use_data_augmentation changes the pictures, and where batch norms follow what they see."""
    if not run.cache_features or not _tower(run) or not facts.learns(run):
        return
    if trained := [key for key in _trained(run) if key not in AT_THE_END]:
        keys, why = (
            trained,
            f"{listed(trained)} {_lets(trained)} the image tower train from its beginning",
        )
        mend = f"remove {listed(trained)}"
    elif run.use_data_augmentation:
        keys, why = ["use_data_augmentation"], "use_data_augmentation changes the pictures"
        mend = "remove use_data_augmentation"
    elif str(run.feature_type).startswith("raw_RN") and not run.freeze_bn_statistics:
        keys, why = ["freeze_bn_statistics"], "the batch norms of the tower follow what they see"
        mend = "set freeze_bn_statistics: true"
    else:
        return
    yield Finding(
        ("cache_features", *keys),
        f"cache_features has no effect: {why}, so features do not stay the same.",
        f"Remove cache_features, or {mend}.",
    )


def _lets(keys: list[str]) -> str:
    return "let" if len(keys) > 1 else "lets"
