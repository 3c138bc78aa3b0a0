"""Fewer visual tokens: pooling and sampling, what they exclude and what they need."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

POOLS = ("oneddownsample", "downsample")


def _pool(run: Run) -> str | None:
    """The pooling key in effect; None for sparse_sample, which pools nothing."""
    key = facts.reduction(run)
    return key if key in POOLS and facts.sees(run) else None


def squares(number: int, limit: int | None = None) -> list[int]:
    """The square numbers next to `number`, none above `limit`."""
    side = isqrt(number)
    near = [side**2] if side**2 == number else [side**2, (side + 1) ** 2]
    if limit is None or near[-1] <= limit:
        return near
    return near[:1] if near[0] <= limit else [isqrt(limit) ** 2]


def either(numbers: list[int]) -> str:
    """`36 or 49`."""
    return " or ".join(map(str, numbers))


@rule(RULES, "R47", "error", "one way to reduce visual tokens", " ".join(facts.REDUCTIONS))
def one_reduction(run: Run) -> Iterator[Finding]:
    """oneddownsample, downsample and sparse_sample each decide which visual tokens are left, so a
    run uses at most one of them. The published code takes the first of them in that order and
    ignores the others in silence."""
    on = run.on(*facts.REDUCTIONS)
    if facts.sees(run) and len(on) > 1:
        yield Finding(
            tuple(on),
            f"{listed(on)} are on together; only one of them can reduce the visual tokens.",
            f"Keep one of them, for example {on[0]}: true, and set the other"
            f"{'s' if len(on) > 2 else ''} to false.",
        )


@rule(RULES, "R48", "error", "downsample leaves a square number of tokens", "n_boxes downsample")
def square_target(run: Run) -> Iterator[Finding]:
    """downsample max-pools a square grid to a smaller square grid. With another n_boxes the
    published code rounds down without a word: 5 asked, 4 left."""
    if _pool(run) != "downsample" or facts.watches(run):
        return
    left = isqrt(run.n_boxes) ** 2
    if left != run.n_boxes:
        near = squares(run.n_boxes, facts.features(run).tokens or None)
        yield Finding(
            ("n_boxes", "downsample"),
            f"downsample leaves a square number of tokens and n_boxes is {run.n_boxes}, so only "
            f"{left} would be left.",
            f"Set n_boxes: {either(near)}, or use oneddownsample: true.",
        )


@rule(RULES, "R49", "error", "downsample needs a square grid", "downsample image_size")
def square_source(run: Run) -> Iterator[Finding]:
    """downsample folds the row of visual tokens into a square before it pools. Pictures that are
    not square give a grid that cannot be folded so; oneddownsample pools the row as it is."""
    shape = facts.grid(run)
    if _pool(run) == "downsample" and shape and shape[0] != shape[1] and not facts.watches(run):
        height, wide = run.image_size
        yield Finding(
            ("image_size", "downsample"),
            f"downsample needs a square grid and pictures of {height} x {wide} pixels have "
            f"{shape[0]} x {shape[1]} visual tokens.",
            f"Set image_size: {min(height, wide)}, or use oneddownsample: true in place of "
            "downsample.",
        )


@rule(RULES, "R50", "error", "pooling cannot add tokens", "n_boxes downsample oneddownsample")
def no_pooling_up(run: Run) -> Iterator[Finding]:
    """Pooling to more tokens than there are repeats features, while the boxes stay as many as they
    were; the published code then stops with an assertion."""
    pool, tokens = _pool(run), facts.features(run).tokens
    if not pool or not tokens or run.vis_pooling_output or facts.watches(run):
        return
    if (facts.embedded_tokens(run) or 0) > tokens:
        fewer = f"{isqrt(tokens) ** 2} or a smaller square" if pool == "downsample" else str(tokens)
        yield Finding(
            ("n_boxes", pool),
            f"{pool} is to leave {run.n_boxes} visual tokens and pictures have only {tokens}.",
            f"Set n_boxes: {fewer}{' or less' if pool == 'oneddownsample' else ''}.",
        )


@rule(RULES, "R51", "warning", "boxes stand in no grid", "downsample oneddownsample feature_type")
def no_grid_of_boxes(run: Run) -> Iterator[Finding]:
    """Features of detected boxes come in no spatial order. Pooling mixes boxes that have nothing to
    do with each other, and the coordinates are those of the first boxes. Pooling is meant for grids
    (CLIP features, patches)."""
    pool = _pool(run)
    if pool and run.feature_type == "butd" and not facts.watches(run) and not _masked(run):
        yield Finding(
            (pool, "feature_type"),
            f"{pool} mixes features of unrelated boxes: butd boxes stand in no grid.",
            f'Remove {pool}, or choose a grid such as feature_type: "RN101".',
        )


def _masked(run: Run) -> list[str]:
    """The tasks whose boxes come with a mask of those that exist."""
    masked = ["refcoco"] if facts.trains(run, "refcoco") else []
    return masked + (["mmt"] if facts.trains(run, "mmt") and run.feature_type == "butd" else [])


@rule(RULES, "R52", "error", "boxes with a mask stay as they are", " ".join(facts.REDUCTIONS))
def masked_boxes(run: Run) -> Iterator[Finding]:
    """refcoco answers with the number of a box, and refcoco and mmt say by a mask which boxes of a
    picture exist. Both speak of the stored boxes: after pooling or sampling, mask and numbers fit
    no longer. sparse_sample acts in training alone, so a run that only tests may have it."""
    key, tasks = facts.reduction(run), _masked(run)
    if not key or not tasks or not facts.sees(run) or (key == "sparse_sample" and run.test_only):
        return
    alone = f", or train {listed(tasks)} in another run" if run.task == "multitask" else ""
    yield Finding(
        (key,),
        f"{key} changes which visual tokens there are, and {listed(tasks)} "
        f"{'need' if len(tasks) > 1 else 'needs'} the boxes as they are stored.",
        f"Remove {key}{alone}.",
    )


@rule(
    RULES,
    "R53",
    "error",
    "one pooled feature cannot be pooled",
    "vis_pooling_output downsample oneddownsample",
)
def pooled_twice(run: Run) -> Iterator[Finding]:
    """vis_pooling_output takes the one pooled feature of a picture in place of its grid, so nothing
    is left for downsample or oneddownsample to pool. Several tokens out of the one feature are what
    expand_vis_embedding makes (BART)."""
    pool = _pool(run)
    if pool and run.vis_pooling_output and run.n_boxes > 1:
        yield Finding(
            (pool, "vis_pooling_output"),
            f"vis_pooling_output asks for one feature per picture and {pool} for {run.n_boxes}.",
            f"Remove {pool}; on BART, expand_vis_embedding makes several tokens of one feature.",
        )


@rule(RULES, "R161", "warning", "a reduction that leaves all tokens", " ".join(facts.REDUCTIONS))
def reduces_nothing(run: Run) -> Iterator[Finding]:
    """downsample, oneddownsample and sparse_sample leave n_boxes visual tokens. Where a picture has
    no more than these, the key changes nothing. Stored video features are brought to n_boxes when
    they are read, so none is left to reduce."""
    key, tokens = facts.reduction(run), facts.features(run).tokens
    if not key or not tokens or not facts.sees(run) or _masked(run) or run.vis_pooling_output:
        return
    if facts.is_video(run):
        if key != "downsample" or isqrt(tokens) ** 2 == tokens:
            yield Finding(
                (key,),
                f"{key} has no effect: videos are read as n_boxes ({tokens}) features.",
                f"Remove {key}.",
            )
        return
    if run.feature_type == "butd" and key in POOLS:
        return  # R51 has said it
    sampled = key == "sparse_sample" and run.n_boxes >= tokens
    if sampled or (key != "sparse_sample" and facts.embedded_tokens(run) == tokens):
        yield Finding(
            (key, "n_boxes"),
            f"{key} has no effect: pictures have {tokens} visual tokens and n_boxes is "
            f"{run.n_boxes}.",
            f"Set n_boxes below {tokens}, or remove {key}.",
        )
