"""Where the keys of two encoders matter."""

from __future__ import annotations

from collections.abc import Callable

from vlcli.spec.fields import Need
from vlcli.spec.run import Run

from ..objectives import OBJECTIVES, Objective, needing

ADAPTERS = {"image": "image_adapter", "text": "adapter"}  # the keys of the sides


def by_losses(what: str, holds: Callable[[Objective], bool]) -> Need:
    """The need of a key that some losses read; `what` is what they have in common."""
    names = ", ".join(needing(holds))
    return Need(
        "N1",
        f"by {what} ({names})",
        ("loss",),
        lambda run: holds(OBJECTIVES[run.loss]),
        "Remove {it}, or choose another loss.",
    )


def of_loss(key: str) -> Need:
    """The need of a key that belongs to one loss or to two."""
    names = " and ".join(needing(lambda each: key in each.keys))
    return Need(
        "N1",
        f"by the loss {names}",
        ("loss",),
        lambda run: key in OBJECTIVES[run.loss].keys,
        f"Remove {{it}}, or set loss: {names.replace(' and ', ' or ')}.",
    )


def _builder(side: str, *libraries: str) -> Need:
    key = f"{side}_model_builder"
    words = " or ".join(f'"{each}"' for each in libraries)
    return Need(
        "N1",
        f"with {key}: {words}",
        (key,),
        lambda run: getattr(run, key) in libraries,
        f"Remove {{it}}, or set {key}: {words}.",
    )


TEXT_OF_HUGGINGFACE = _builder("text", "huggingface")
TEXT_OF_OPEN_CLIP = _builder("text", "open_clip")
OWN_TOKENIZER = _builder("text", "huggingface", "open_clip")
PICTURES = Need(
    "N1",
    "where pictures go through an image tower, and stored features do not",
    ("image_model_builder",),
    lambda run: run.image_model_builder != "stored",
)
PRETRAINED_PICTURES = Need(
    "N1",
    "with pretrained_image_model: true",
    ("pretrained_image_model",),
    lambda run: bool(run.pretrained_image_model),
    "Set pretrained_image_model: true, or remove {it}.",
)
PRETRAINED_TEXTS = Need(
    "N1",
    "with pretrained_text_model: true",
    ("pretrained_text_model",),
    lambda run: bool(run.pretrained_text_model),
    "Set pretrained_text_model: true, or remove {it}.",
)
SCALED = by_losses("losses with a learned scale", lambda each: each.scale)
BIASED = by_losses("losses with a learned bias", lambda each: each.bias)
DIRECTED = by_losses(
    "losses that tell a target from a learner", lambda each: each.directed or each.queue
)
GATHERED = by_losses("losses that compare the pairs of a batch", lambda each: each.gathers)
HEADS = Need(
    "N1",
    "with a projection head",
    ("image_head_n_layers", "text_head_n_layers"),
    lambda run: has_head(run, "image") or has_head(run, "text"),
    "Remove {it}, or set image_head_n_layers or text_head_n_layers.",
)
DEEP_HEADS = Need(
    "N1",
    "by projection heads of two layers or more",
    ("image_head_n_layers", "text_head_n_layers"),
    lambda run: max(run.image_head_n_layers, run.text_head_n_layers) > 1,
    "Remove {it}, or set image_head_n_layers or text_head_n_layers to 2 or more.",
)


def _trains(side: str) -> Need:
    keys = (f"lock_{side}_model", f"lock_{side}_partial")
    return Need(
        "N1",
        f"where the {side} tower itself trains",
        (*keys, "loss", "teacher"),
        lambda run: tower_trains(run, side),
        f"Remove {{it}}, or let the {side} tower train.",
    )


IMAGE_TRAINS = _trains("image")
TEXT_TRAINS = _trains("text")


def _learner(side: str) -> Need:
    return Need(
        "N1",
        f"where the {side} side learns, and the loss takes it as the target",
        ("loss", "teacher"),
        lambda run: not is_target(run, side),
        "Remove {it}, or name the other side as teacher.",
    )


DECIDING = (  # whether towers learn
    *("lock_image_model", "lock_image_partial", "image_adapter", "image_model_builder"),
    *("lock_text_model", "lock_text_partial", "adapter", "n_prompt", "loss", "teacher"),
)
IMAGE_LEARNS = _learner("image")
TEXT_LEARNS = _learner("text")
SOME_TOWER_LEARNS = Need(
    "N1",
    "where a tower learns, and both are locked",
    DECIDING,
    lambda run: not (image_fixed(run) and text_stays(run)),
    "Remove {it}, or let a tower train.",
)
BEGINS = Need(
    "N1",
    "where no pretrained text tower of open_clip brings its own",
    ("text_model_builder", "pretrained_text_model"),
    lambda run: run.text_model_builder != "open_clip" or not run.pretrained_text_model,
)
DROPS = Need(
    "N1",
    "by text towers of huggingface and sbert that learn: those of open_clip have no dropout",
    ("text_model_builder", *DECIDING),
    lambda run: run.text_model_builder != "open_clip" and not text_stays(run),
)
STAYS = Need(
    "N1",
    "where a tower trains in no part",
    ("distill_model", *DECIDING),
    lambda run: image_stays(run) or text_stays(run),
    "Remove {it}, or set lock_image_model: true or lock_text_model: true.",
)
DISTILLED = Need(
    "N1",
    "with distill_model",
    ("distill_model",),
    lambda run: run.distill_model is not None,
    "Set distill_model, or remove {it}.",
)
LAYER_DECAY = Need(
    "N1",
    "with layer_decay_image or layer_decay_text below 1",
    ("layer_decay_image", "layer_decay_text"),
    lambda run: min(run.layer_decay_image, run.layer_decay_text) < 1,
    "Set one of them, or remove {it}.",
)


def image_stays(run: Run) -> bool:
    """Whether pictures pass through a tower that trains in no part, and through no other."""
    return run.image_model_builder != "stored" and not run.distill_model and image_fixed(run)


def image_fixed(run: Run) -> bool:
    """Whether no image tower trains in any part."""
    return is_target(run, "image") or not (tower_trains(run, "image") or run.image_adapter)


def text_stays(run: Run) -> bool:
    """Whether the text tower trains in no part."""
    return is_target(run, "text") or not (tower_trains(run, "text") or run.adapter or run.n_prompt)


def is_target(run: Run, side: str) -> bool:
    """Whether a side is what a directed loss learns towards, and learns nothing itself."""
    return OBJECTIVES[run.loss].directed and run.teacher == side


def tower_trains(run: Run, side: str) -> bool:
    """Whether weights of a tower's own train, beside those of a tuning method."""
    if is_target(run, side) or (side == "image" and run.image_model_builder == "stored"):
        return False
    locked = getattr(run, f"lock_{side}_model") or bool(adapter_of(run, side))
    return not locked or "!" in getattr(run, f"lock_{side}_partial")


def adapter_of(run: Run, side: str) -> str | None:
    """The adapter of a side's tower."""
    asked: str | None = getattr(run, ADAPTERS[side])
    return asked


def has_head(run: Run, side: str) -> bool:
    """Whether a side has a projection head: asked for, or needed for prototypes."""
    return bool(getattr(run, f"{side}_head_n_layers")) or OBJECTIVES[run.loss].prototypes
