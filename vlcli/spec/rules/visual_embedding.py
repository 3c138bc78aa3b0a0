"""From visual features to tokens of the joint encoder: widths, numbers and what may be built in."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from .. import facts
from ..run import Run
from ..sizes import VIDEO_WIDTH, VISUAL_TOKENS
from . import Finding, Rule, listed, rule
from .visual_tokens import either, squares

RULES: list[Rule] = []

BERT_HEADS = 12
BERT_POSITIONS = 512


def _fewer(run: Run, limit: int) -> str:
    """What to set for at most `limit` tokens per picture."""
    if facts.grid(run) and facts.reduction(run) in (None, "sparse_sample"):
        side = facts.token_side(run) * isqrt(limit)
        return f"Set image_size: {side} or less, or downsample: true with n_boxes: {limit}"
    if facts.is_stored(run) and facts.reduction(run) in (None, "sparse_sample"):
        return f"Set downsample: true with n_boxes: {isqrt(limit) ** 2} or a smaller square"
    return f"Set n_boxes: {limit} or less"


def _expands(run: Run) -> bool:
    return bool(run.expand_vis_embedding and facts.sees(run) and facts.family(run) == "bart")


@rule(
    RULES,
    "R56",
    "error",
    "only one feature can be expanded",
    "expand_vis_embedding vis_pooling_output feature_type",
)
def one_feature_to_expand(run: Run) -> Iterator[Finding]:
    """expand_vis_embedding makes n_image_tokens tokens out of exactly one visual feature per
    picture: the pooled output of an image tower. With several features the published code cannot
    reshape its result."""
    tokens = facts.embedded_tokens(run)
    if not _expands(run) or tokens is None or tokens == 1:
        return
    if facts.is_video(run):
        how = "Set n_boxes: 1"
    elif facts.is_raw(run):
        how = "Set vis_pooling_output: true"
    else:
        how = 'Set feature_type: "raw_RN50" with vis_pooling_output: true'
    yield Finding(
        ("expand_vis_embedding", "vis_pooling_output", "feature_type"),
        f"expand_vis_embedding needs one visual feature per picture and this run has {tokens}.",
        f"{how}, or remove expand_vis_embedding.",
    )


@rule(RULES, "R57", "error", "two pictures cannot be expanded", "expand_vis_embedding task tasks")
def two_pictures_to_expand(run: Run) -> Iterator[Finding]:
    """An example of nlvr has two pictures, and expand_vis_embedding makes tokens out of a single
    feature per example."""
    if _expands(run) and facts.trains(run, "nlvr"):
        apart = ", or train nlvr in another run" if run.task == "multitask" else ""
        yield Finding(
            ("expand_vis_embedding",),
            "expand_vis_embedding makes tokens of one picture and examples of nlvr have two.",
            f"Remove expand_vis_embedding{apart}.",
        )


@rule(
    RULES,
    "R60",
    "error",
    "what the visual transformer can hold",
    "vis_use_transformer backbone image_size n_boxes",
)
def transformer_sizes(run: Run) -> Iterator[Finding]:
    """vis_use_transformer is a BERT of 12 heads and 512 positions as wide as the backbone: 12 must
    divide the width (768 does, 1024 and 128 do not), and an example, with both pictures in nlvr,
    may have at most 512 visual tokens."""
    on = run.vis_use_transformer and facts.sees(run) and facts.family(run) == "bart"
    if not on or run.expand_vis_embedding:
        return
    wide = facts.width(run)
    if wide and wide % BERT_HEADS:
        yield Finding(
            ("vis_use_transformer", "backbone"),
            f"vis_use_transformer has {BERT_HEADS} heads, which do not divide the width {wide} of "
            f"{run.backbone}.",
            'Set backbone: "facebook/bart-base" (width 768), or remove vis_use_transformer.',
        )
    pictures = 2 if facts.trains(run, "nlvr") else 1
    tokens = pictures * (facts.embedded_tokens(run) or 0)
    if tokens > BERT_POSITIONS:
        yield Finding(
            ("vis_use_transformer", "image_size", "patch_size", "n_boxes"),
            f"vis_use_transformer holds {BERT_POSITIONS} positions and an example has {tokens} "
            "visual tokens.",
            f"{_fewer(run, isqrt(BERT_POSITIONS // pictures) ** 2)}.",
        )


@rule(
    RULES,
    "R70",
    "warning",
    "a hundred order embeddings",
    "use_vis_order_embedding image_size patch_size n_boxes",
)
def order_embeddings(run: Run) -> Iterator[Finding]:
    """The embedding of a visual token's number is a row of the word embeddings, and the vocabulary
    has 100 such rows (<vis_extra_id_0> to <vis_extra_id_99>). Tokens beyond the hundredth get rows
    of the sentinels and then of ordinary words."""
    tokens = facts.embedded_tokens(run) or 0
    if not facts.sees(run) or not run.use_vis_order_embedding or _expands(run):
        return
    if tokens > VISUAL_TOKENS:
        yield Finding(
            ("use_vis_order_embedding", "image_size", "patch_size", "n_boxes", "feature_type"),
            f"A picture has {tokens} visual tokens and there are only {VISUAL_TOKENS} order "
            "embeddings: the others take rows of ordinary tokens.",
            f"{_fewer(run, VISUAL_TOKENS)}, or use_vis_order_embedding: false.",
        )


@rule(RULES, "R71", "warning", "which of two pictures", "use_vis_order_embedding task tasks")
def pictures_apart(run: Run) -> Iterator[Finding]:
    """Only the order embeddings tell the first picture of nlvr from the second; without them,
    sentences about left and right cannot be judged."""
    if facts.sees(run) and facts.trains(run, "nlvr") and not run.use_vis_order_embedding:
        yield Finding(
            ("use_vis_order_embedding",),
            "use_vis_order_embedding is false, so nothing tells nlvr's two pictures apart.",
            "Set use_vis_order_embedding: true.",
        )


@rule(RULES, "R66", "error", "the width of a visual feature", "feat_dim feature_type")
def feature_width(run: Run) -> Iterator[Finding]:
    """The width of a visual feature follows from feature_type: butd, RN50 and RN101 have 2048,
    RN50x4 2560, ViT 768; pooled ones 1024, 512, 640 and 512 (RN50, RN101, RN50x4, ViT); a patch has
    3 x patch_size x patch_size; a store (stored:PATH) says it itself. feat_dim is set by itself,
    and a written one must agree."""
    wide = facts.features(run).width
    if not run.wrote("feat_dim") or not facts.sees(run) or facts.watches(run):
        return
    if wide and run.feat_dim != wide:
        pooled = "pooled " if run.vis_pooling_output and facts.is_raw(run) else ""
        yield Finding(
            ("feat_dim", "feature_type"),
            f"feat_dim is {run.feat_dim} and {pooled}{run.feature_type} features are {wide} wide.",
            f"Set feat_dim: {wide}, or remove it: it follows from feature_type.",
        )


@rule(RULES, "R131", "error", "videos have their own grid and width", "downsample n_boxes feat_dim")
def videos(run: Run) -> Iterator[Finding]:
    """Stored video features are brought to n_boxes tokens of width 512 (CLIP ViT). downsample folds
    them into a square, so n_boxes must be a square number, and a written feat_dim must be 512."""
    if not facts.is_video(run) or not facts.sees(run):
        return
    if facts.reduction(run) == "downsample" and isqrt(run.n_boxes) ** 2 != run.n_boxes:
        yield Finding(
            ("n_boxes", "downsample"),
            f"downsample needs a square number of features and videos have n_boxes, {run.n_boxes}.",
            f"Set n_boxes: {either(squares(run.n_boxes))}, or remove downsample.",
        )
    if run.wrote("feat_dim") and run.feat_dim != VIDEO_WIDTH:
        tasks = [task for task in facts.trained_tasks(run) if task in facts.VIDEO_TASKS]
        yield Finding(
            ("feat_dim",),
            f"feat_dim is {run.feat_dim} and the stored video features of {listed(tasks)} are "
            f"{VIDEO_WIDTH} wide.",
            f"Set feat_dim: {VIDEO_WIDTH}, or remove it: it follows from the task.",
        )


@rule(RULES, "R153", "error", "pictures and videos in one run", "tasks")
def pictures_and_videos(run: Run) -> Iterator[Finding]:
    """One visual embedding serves all tasks of a run, and it has one input width. Video features
    (512 wide, one per moment) and picture features (boxes or a grid) cannot both pass through it;
    the published code has two runners for the same reason."""
    if run.task != "multitask" or not facts.sees(run) or not facts.watches(run):
        return
    films = [task for task in run.tasks if task in (*facts.VIDEO_TASKS, "activitynet")]
    stills = [task for task in run.tasks if task in facts.PICTURE_TASKS]
    if stills:
        yield Finding(
            ("tasks",),
            f"{listed(dict.fromkeys(stills))} {'look' if len(set(stills)) > 1 else 'looks'} at "
            f"pictures and {listed(dict.fromkeys(films))} at videos; one visual embedding cannot "
            "serve both.",
            f'Make two runs, this one with tasks: "{",".join(dict.fromkeys(stills))}".',
        )
