"""What follows from a run's values, one named function each: the words of the rules."""

from __future__ import annotations

from math import isqrt

from .encoders import RANDOM, RAW
from .run import Run
from .sizes import (
    BUTD_BOXES,
    CLIP_POOLED_WIDTH,
    CLIP_TOKENS,
    CLIP_WIDTH,
    STORED_TYPES,
    VIDEO_WIDTH,
    Backbone,
    Family,
    Features,
    backbone,
    family_of,
    of_store,
)
from .stores import path_of

ADAPTER_KINDS = ("use_adapter", "use_hyperformer", "use_compacter", "use_lradapter")
MULTITASK = "multitask"
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")  # a picture and a caption a row
JSON_LINES = (".jsonl", ".jsonl.gz")  # a record a line
TARS = (".tar",)  # pictures with their texts
OWN_DATA = (*JSON_LINES, *TABLES, *TARS)  # of the user's own
VIDEO_TASKS = ("tvqa", "how2qa", "tvc", "yc2c")
PRETRAINING = ("pretrain", "pretrain_vcr")
SHAPES_TASKS = (  # what the built-in data set draws
    *("vqa", "gqa", "nlvr", "vcr", "caption", "refcoco", "mmt", "cls"),
    *VIDEO_TASKS,
    *("activitynet", *PRETRAINING),
)
PICTURES = {"train": 6000, "valid": 500, "test": 500}  # in each of its sets
CHOOSING = ("nlvr", "refcoco", "vcr")  # among candidates; the others write their answers
GROUNDED = {"ground_caption", "refer"}  # objectives of pretraining that look at boxes alone
RECORDS = {"alignment": "caption", **dict.fromkeys(("zeroshot", "linear_probe", "knn"), "cls")}
"""Tasks that read the records of another."""
PICTURE_TASKS = ("vqa", "gqa", "nlvr", "vcr", "caption", "refcoco", "mmt", "cls", *PRETRAINING)


def family(run: Run) -> Family | None:
    """t5 or bart; None for a backbone of neither (R125 speaks of that)."""
    return family_of(run.backbone)


def known_backbone(run: Run) -> Backbone | None:
    return backbone(run.backbone)


def width(run: Run) -> int | None:
    """D, the model width, where the backbone is a known one."""
    known = known_backbone(run)
    return known.width if known else None


def bottleneck(run: Run) -> int | None:
    """r = D // reduction_factor."""
    D = width(run)
    return D // run.reduction_factor if D else None


def trained_tasks(run: Run) -> tuple[str, ...]:
    """The tasks that batches come from: the one of `task`, or those of a multitask run."""
    return tuple(run.tasks) if run.task == "multitask" else (run.task,)


def trains(run: Run, *names: str) -> bool:
    """Whether the run trains on any of these tasks."""
    return any(task in names for task in trained_tasks(run))


def is_video(run: Run) -> bool:
    """Whether stored features of clips are read."""
    return trains(run, *VIDEO_TASKS) and run.feature_type in STORED_TYPES and run.dataset is None


def adapter_kinds(run: Run) -> list[str]:
    """The adapter flags that are on (R1: at most one may be)."""
    return run.on(*ADAPTER_KINDS)


def has_controllers(run: Run) -> bool:
    """Bottleneck, compacter or low-rank adapters: the kinds that own modules per task."""
    return bool(run.use_adapter or run.use_compacter or run.use_lradapter)


def has_prompts(run: Run) -> bool:
    return bool(run.encoder_prompt_len > 0 or run.decoder_prompt_len > 0)


def has_parts_per_task(run: Run) -> list[str]:
    """The keys that bring parameters registered under task names."""
    return run.on(*ADAPTER_KINDS, "use_lora", "encoder_prompt_len", "decoder_prompt_len")


def is_raw(run: Run) -> bool:
    """Whether pictures go through an image tower during the run."""
    return str(run.feature_type).startswith("raw")


def is_any_tower(run: Run) -> bool:
    """Whether that tower is any of a library (raw:LIBRARY:NAME), of which a spec knows no sizes."""
    return str(run.feature_type).startswith(RAW)


def has_named_tower(run: Run) -> bool:
    """Whether that tower has weights that can be had again by name."""
    return sees(run) and is_raw(run) and run.vis_weights != RANDOM


def own_files(run: Run) -> bool:
    """Whether a split is a file of the user's own that names pictures elsewhere."""
    return any(name.endswith((*JSON_LINES, *TABLES)) for name in _splits(run))


def own_tables(run: Run) -> bool:
    """Whether a split is a table of the user's own."""
    return any(name.endswith(TABLES) for name in _splits(run))


def only_own_files(run: Run) -> bool:
    """Whether every split is of the user's own files."""
    return all(name.endswith(OWN_DATA) for name in _splits(run))


def _splits(run: Run) -> list[str]:
    """Every split that any task of the run names."""
    held = (split for key in ("train", "valid", "test") for split in run.every(key) if split)
    names = (name.strip() for split in held for name in str(split).split(","))
    return [name for name in names if name]


def detects(run: Run) -> bool:
    """Whether refcoco reads published features of boxes in validation or test, where detected ones
    and annotated ones are stored."""
    held = [run.of("refcoco", key) or "" for key in ("valid", "test")]
    names = [name.strip() for each in held for name in each.split(",") if name.strip()]
    theirs = any(not name.endswith(OWN_DATA) for name in names)
    return run.dataset is None and run.feature_type == "butd" and theirs


def sees_whole(run: Run) -> bool:
    """Whether any picture is seen as a whole: on patches, the boxes that drawn and published
    records name are seen for themselves, each as one patch. Records of the user's own may name
    none."""
    if run.feature_type != "patch" or own_files(run):
        return True
    boxes_alone = {"refcoco"} | ({*PRETRAINING} if set(run.losses) <= GROUNDED else set())
    return any(task not in boxes_alone for task in trained_tasks(run))


def is_stored(run: Run) -> bool:
    """Whether features come from a store of the user's own (stored:PATH)."""
    return path_of(run.feature_type) is not None


def sees(run: Run) -> bool:
    """Whether the run uses pictures at all; an architecture without the key always does."""
    return bool(getattr(run, "use_vision", True))


def features(run: Run) -> Features:
    """N and F of what the feature type delivers for one picture."""
    kind = run.feature_type
    if trains(run, "activitynet") and kind in STORED_TYPES:
        return Features(None, None)
    if is_video(run):
        return Features(run.n_boxes, VIDEO_WIDTH)
    if kind == "butd":
        return Features(BUTD_BOXES, CLIP_WIDTH["RN50"])
    if kind == "patch":
        height, wide = run.image_size
        side = run.patch_size
        many = (height // side) * (wide // side) if sees_whole(run) else None
        return Features(many, 3 * side * side)
    if is_stored(run):
        return of_store(kind)
    if is_any_tower(run):
        return Features(1 if run.vis_pooling_output else None, None)
    tower = kind.removeprefix("raw_")
    if tower not in CLIP_WIDTH:
        return Features(None, None)
    if not is_raw(run):
        return Features(CLIP_TOKENS, CLIP_WIDTH[tower])
    if run.vis_pooling_output:
        return Features(1, CLIP_POOLED_WIDTH[tower])
    return Features((run.image_size[0] // 32) * (run.image_size[1] // 32), CLIP_WIDTH[tower])


def visual_tokens(run: Run) -> int | None:
    """Visual tokens per picture that reach the joint encoder."""
    found = features(run).tokens
    if found is None or not (run.downsample or run.oneddownsample or run.sparse_sample):
        return found
    if run.downsample and not run.oneddownsample:
        return int(run.n_boxes**0.5) ** 2
    return min(found, int(run.n_boxes))


def method(run: Run) -> str:
    """The tuning method in words, for the one-line summary of a run."""
    names = {
        "use_adapter": "adapters",
        "use_hyperformer": "hyperformer",
        "use_compacter": "compacter",
        "use_lradapter": "low-rank adapters",
        "use_lora": "LoRA",
        "encoder_prompt_len": "encoder prompts",
        "decoder_prompt_len": "decoder prompts",
        "use_attn_prefix": "attention prefix",
        "use_lm_head_adapter": "output adapter",
        "adapter": f"{run.adapter} of the adapters library",
        "unfreeze_language_model": "full fine-tuning",
    }
    if sees(run) and is_raw(run):
        names |= {
            "use_vis_adapter": "visual adapters",
            "unfreeze_vis_encoder": "image tower",
            "unfreeze_vis_last_layer": "last stage of the image tower",
            "unfreeze_batch_norms": "batch norms of the image tower",
        }
    return " + ".join(names[key] for key in run.on(*names)) or "visual embedding only"


REDUCTIONS = ("oneddownsample", "downsample", "sparse_sample")


def reduction(run: Run) -> str | None:
    """The key that leaves fewer visual tokens; of several (R47), the one that wins as published."""
    on = run.on(*REDUCTIONS)
    return on[0] if on else None


def embedded_tokens(run: Run) -> int | None:
    """Visual tokens per picture that enter the visual embedding; sparse_sample comes behind it."""
    match reduction(run):
        case "oneddownsample":
            return int(run.n_boxes)
        case "downsample":
            return isqrt(run.n_boxes) ** 2
    return features(run).tokens


def grid(run: Run) -> tuple[int, int] | None:
    """Rows and columns of visual tokens, where image_size decides them."""
    if is_video(run) or is_any_tower(run) or (run.vis_pooling_output and is_raw(run)):
        return None
    if run.feature_type != "patch" and not is_raw(run):
        return None
    side = token_side(run)
    return run.image_size[0] // side, run.image_size[1] // side


def token_side(run: Run) -> int:
    """Pixels along one side of a visual token; CLIP towers have 32."""
    return int(run.patch_size) if run.feature_type == "patch" else 32


def watches(run: Run) -> bool:
    """Whether stored video features are read; those of activitynet are of another kind (S3D)."""
    return is_video(run) or (trains(run, "activitynet") and run.feature_type in STORED_TYPES)


def precision(run: Run) -> str:
    """The arithmetic in effect: `precision`, else what the published fp16 says."""
    return run.precision or ("fp16" if run.fp16 else "fp32")


TUNING_METHODS = (
    *ADAPTER_KINDS,
    "use_lora",
    "encoder_prompt_len",
    "decoder_prompt_len",
    "use_attn_prefix",
    "use_lm_head_adapter",
    "adapter",
)
TOWER_PARTS = (
    "unfreeze_vis_encoder",
    "unfreeze_vis_last_layer",
    "unfreeze_batch_norms",
    "use_vis_adapter",
)


def tuning_methods(run: Run) -> list[str]:
    """The keys that put trainable parts into a language model which may stay frozen."""
    return run.on(*TUNING_METHODS)


def unfrozen(run: Run) -> list[str]:
    """The keys that let something train beside tuning method and visual embedding."""
    tower = run.on(*TOWER_PARTS) if sees(run) and is_raw(run) else []
    return [*run.on("unfreeze_language_model", "unfreeze_layer_norms", "unfreeze_lm_head"), *tower]


def learns(run: Run) -> bool:
    """Whether the run takes training steps at all."""
    return not run.test_only and run.epochs > 0


def near_divisors(number: int, wish: int) -> list[int]:
    """The divisors of `number` next to `wish` on both sides, or `wish` itself."""
    divisors = [each for each in range(1, min(number, 1 << 16) + 1) if number % each == 0]
    below = [each for each in divisors if each <= wish][-1:]
    return below if below == [wish] else below + [each for each in divisors if each > wish][:1]
