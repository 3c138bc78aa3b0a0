"""The 101 arguments of ITRA's training program, `--teacher` that its steps still read, and what its
older commands wrote: which key of a spec each is, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .published import Kind, Tool, Values

_NAMES: dict[Kind, str] = {
    "flag": """
        pretrained-text-model prompt lock-text-model pretrained-image-model lock-image-model
        log-local debug copy-codebase save-most-recent restart model_ema model_ema_force_cpu
        use-bn-sync force-quick-gelu torchscript trace local-loss gather-with-grad eval-first
        horovod ddp-static-graph find-unused-parameters no-set-device-rank
        BYOL nori-dataset retrieval-nori-dataset skip-scheduler
    """,
    "int": """
        text-head-n-layers image-head-n-layers max-seq-length n-prompt image-resolution
        joint-projection-dim dataset-size episode-size workers save-frequency batch-size epochs
        warmup zeroshot-frequency retrieval-frequency linear-frequency nlp-eval-frequency
        visualize-frequency seed
    """,
    "float": """
        w-align w-simcse w-rkd-d w-rkd-a dino-teacher-temp logit-scale eval-with-wise-ft opt_eps
        momentum lr beta1 beta2 eps weight_decay weight_decay_end clip_grad max-grad-norm
        backbone_decay layer_decay_image layer_decay_text model_ema_decay C wd
    """,
    "floats": "opt_betas",
    "str": """
        config-yaml text-model-builder text-model text-pooler text-model-tag adapter
        lock-text-partial image-model image-model-builder image-model-tag lock-image-partial
        cache-dir cache-teacher loss train-data datasets-dir augmentation csv-separator csv-img-key
        csv-caption-key images-dir retrieval-data retrieval-csv-separator retrieval-csv-img-key
        retrieval-csv-caption-key retrieval-images-dir logs name resume report-to wandb-notes opt
        precision linear-prob-mode dist-url dist-backend teacher eval-data-dir distiller
    """,
}
OLD = ("BYOL", "nori-dataset", "retrieval-nori-dataset", "skip-scheduler", "wd", "eval-data-dir")
"""Arguments of older versions, which the manual still writes; `distiller` too."""

_KEYS = {
    **{"train-data": "train", "datasets-dir": "data_root", "eval-data-dir": "data_root"},
    **{"dataset-size": "train_topk", "images-dir": "images", "workers": "num_workers"},
    **{"name": "run_name", "logs": "output", "report-to": "trackers", "eval-first": "dry"},
    **{"opt": "optim", "opt_eps": "adam_eps", "max-grad-norm": "clip_grad_norm"},
    **{"wd": "weight_decay", "distiller": "loss"},
}

_NEVER = "the original reads it nowhere"
_LAUNCH = "torchrun says it"
# Arguments without a key, by the key that they would have.
REMOVED: dict[str, str] = {
    **dict.fromkeys(("beta1", "beta2", "eps", "clip_grad", "weight_decay_end", "trace"), _NEVER),
    **dict.fromkeys(("visualize_frequency", "wandb_notes", "augmentation"), _NEVER),
    **dict.fromkeys(("dist_url", "dist_backend", "horovod", "no_set_device_rank"), _LAUNCH),
    "ddp_static_graph": "parameters without a gradient are looked for in every step",
    "find_unused_parameters": "it is so always",
    "config_yaml": "a run has one spec, where all keys stand",
    "cache_dir": "libraries keep weights in caches of their own (HF_HOME, TORCH_HOME)",
    "cache_teacher": "the original writes it and cannot read it; `vlcli features extract` and "
    'image_model_builder: "stored" keep the features of a frozen image tower',
    "log_local": "each run has one folder with one log",
    "debug": "a run logs the same always",
    "copy_codebase": "a run's folder says of which version it is",
    "save_frequency": "a run keeps its best weights and its last state",
    "save_most_recent": "a run keeps its last state always",
    "model_ema_force_cpu": "the average stands beside the weights",
    "momentum": "sgd has none here",
    "use_bn_sync": "batch norms keep the statistics of their process",
    "force_quick_gelu": "which GELU it is belongs to the weights, or to a name with -quickgelu",
    "torchscript": "nothing here runs as TorchScript",
    "retrieval_frequency": "every epoch is validated by retrieval",
    "linear_prob_mode": "`vlcli eval --task linear_probe` has one way",
    "w_align": "the loss has its own weight alone; SimCSE alone is no alignment",
    "w_simcse": "the loss has its own weight alone; there is no term between texts",
    "retrieval_csv_separator": "all tables of a run have the columns that csv_* names",
    "retrieval_csv_img_key": "all tables of a run have the columns that csv_* names",
    "retrieval_csv_caption_key": "all tables of a run have the columns that csv_* names",
    "retrieval_images_dir": "pictures of all splits lie in images",
    "BYOL": "a second view of a picture that no loss reads",
    "nori_dataset": "a store inside a company; a table names the pictures",
    "retrieval_nori_dataset": "a store inside a company; a table names the pictures",
    "skip_scheduler": 'lr_schedule: "constant" keeps the rate',
}
# Read together with another, which stands in the spec.
TOGETHER = {"opt_betas": "adam_beta1", "prompt": "n_prompt", "restart": "load"}
TOGETHER |= {"retrieval_data": "valid"}

# What the original takes where nothing is written, and a spec of ours does not.
DEFAULTS: Values = {
    **{"epochs": 32, "batch_size": 64, "lr": 5e-4, "lr_schedule": "cosine", "warmup": 0},
    **{"weight_decay": 0.05, "adam_eps": 1e-8, "seed": 0},
}
N_PROMPT = 4
ON_CIFAR = (
    "classes are judged on CIFAR-10, as the original's linear probe; its zero-shot classification "
    "had ImageNet."
)
# Epochs between evaluations, and whether these are of classes.
FREQUENCIES = {"zeroshot_frequency": True, "linear_frequency": True, "nlp_eval_frequency": False}
UNCLIPPED = 1e16
BUILDERS = {"openclip": "open_clip"}
OPTIMIZERS = {"adamw": "adamw", "adam": "adam", "sgd": "sgd", "rmsprop": "rms", "momentum": "sgd"}
OPTIMIZERS |= {"nesterov": "sgd", "fusedadamw": "adamw", "fusedadam": "adam", "fusedsgd": "sgd"}
COCO = ("mscoco_captions", "mscoco_captions_2014", "mscoco_captions_x0.1")
TABLE = (".csv", ".tsv")
CLASSES = {
    "CIFAR": {"prompt_templates": "cifar"},
    "ImageNet": {"prompt_templates": "imagenet", "class_names": "imagenet"},
}
CHINESE = {
    "ViT-B-16": "OFA-Sys/chinese-clip-vit-base-patch16",
    "ViT-L-14": "OFA-Sys/chinese-clip-vit-large-patch14",
    "ViT-L-14-336": "OFA-Sys/chinese-clip-vit-large-patch14-336px",
    "ViT-H-14": "OFA-Sys/chinese-clip-vit-huge-patch14",
}


def as_run(runner: str | None, written: Values) -> tuple[Values, list[str]]:
    """The values of a run of ours, in the order written, the original's defaults behind them."""
    values, notes = {"task": "alignment", **written}, []
    gone = [key for key in values if key in REMOVED]
    for key in gone:
        if _says_something(key, values.pop(key), written):
            notes.append(f"{ITRA.flags[key]} is left out: {REMOVED[key]}.")
    for step in (_towers, _training, _data, _output):
        notes += step(values)
    for key, value in DEFAULTS.items():
        values.setdefault(key, value)
    for key in _without_effect(values):
        values.pop(key, None)
    return values, notes


def _without_effect(values: Values) -> Iterator[str]:
    """Keys that nothing reads in such a run."""
    if values.get("optim", "adamw") != "adamw":
        yield from ("adam_eps", "adam_beta1", "adam_beta2", "weight_decay")
    if values.get("test_only"):
        yield from ("lr", "lr_schedule", "warmup", "adam_eps", "clip_grad_norm", "optim", "epochs")
        yield from ("weight_decay", "dropout", "log_every")
        yield from FREQUENCIES


def _says_something(key: str, value: Any, written: Values) -> bool:
    """Whether a person has to hear that an argument is gone: not where it asked for nothing."""
    if key in ("save_frequency", "retrieval_frequency"):
        return False
    if key.startswith("retrieval_"):
        twin = {"retrieval_images_dir": "images"}.get(key, key.removeprefix("retrieval_"))
        return bool(value) and value != written.get(twin, value)
    return True


def _towers(values: Values) -> list[str]:
    notes = []
    for side in ("image", "text"):
        builder = f"{side}_model_builder"
        if builder in values:
            values[builder] = BUILDERS.get(values[builder], values[builder])
        if values.get(builder) == "chineseclip":
            notes += _chinese(values, side)
        elif values.get(builder) == "torchhub":
            notes.append(
                f"{side}_model_builder torchhub ran code of {values.get(f'{side}_model_tag')}; "
                "timm has most of these networks: its name and image_weights with their file."
            )
            values |= {builder: "timm"}
            values.pop(f"{side}_model_tag", None)
        if values.get(builder) in ("huggingface", "sbert"):
            values.pop(f"{side}_model_tag", None)
            values[f"pretrained_{side}_model"] = True  # the original reads these always
        pretrained = values.get(f"pretrained_{side}_model")
        if values.get(builder) == "open_clip" and pretrained:
            values.setdefault(f"{side}_model_tag", "openai")
        elif not pretrained:
            values.pop(f"{side}_model_tag", None)
    if values.get("image_model_builder") != "torchvision":
        values.pop("image_resolution", None)  # the others had sizes of their own
    if values.get("text_model_builder") != "huggingface":
        for key in ("text_pooler", "max_seq_length", "adapter"):
            if values.pop(key, None) is not None:
                flag = key.replace("_", "-")
                notes.append(f"--{flag} is left out: in the original only huggingface reads it.")
    if not values.get("image_head_n_layers") and not values.get("text_head_n_layers"):
        values.pop("joint_projection_dim", None)
    prompted, many = values.pop("prompt", False), values.pop("n_prompt", N_PROMPT)
    if prompted:
        values["n_prompt"] = many
    return notes


def _chinese(values: Values, side: str) -> list[str]:
    """Chinese CLIPs are models of transformers."""
    known = CHINESE.get(values.get(f"{side}_model", ""))
    if known is None:
        return [f"Chinese CLIP's {values.get(f'{side}_model')} is in no library that is read here."]
    values |= {f"{side}_model_builder": "huggingface", f"{side}_model": known}
    if side == "text":
        values |= {"text_pooler": "cls"}
    return [f"the {side} tower of Chinese CLIP is read as {known} of huggingface."]


def _training(values: Values) -> list[str]:
    notes = []
    asked = values.get("optim")
    if asked is not None:
        values["optim"] = OPTIMIZERS.get(asked, "adamw")
        if asked not in ("adamw", "adam", "sgd"):
            notes.append(f"--opt {asked} becomes {values['optim']}.")
        elif asked == "sgd" and "momentum" not in values:
            notes.append(
                "the original's sgd has a momentum of 0.9 and weight decay; sgd has neither here."
            )
        elif asked == "adam":
            notes.append(
                "the original's adam has weight decay and settings of the command, and adam has "
                "torch's own here; adamw reads them."
            )
    betas = values.pop("opt_betas", None)
    if betas:
        values |= {"adam_beta1": betas[0], "adam_beta2": betas[-1]}
    if values.get("clip_grad_norm", 0) >= UNCLIPPED:
        values.pop("clip_grad_norm")
    if values.get("precision") == "amp":
        values["precision"] = "fp16"
    if values.get("eval_with_wise_ft") == 1:
        values.pop("eval_with_wise_ft")
    if values.get("local_loss") and not values.get("gather_with_grad"):
        values.pop("local_loss")
        notes.append("--local-loss without --gather-with-grad stops in the original; both are on.")
    return notes


def _data(values: Values) -> list[str]:
    notes = []
    judged = values.pop("retrieval_data", None)
    root = values.get("data_root", "")
    if "train" in values:
        if "mscoco_captions_x0.1" in values["train"]:
            values["train_topk"] = 0.1
        values["train"], told = _splits(values["train"], root, "train")
        notes += told
    if judged is not None:
        split, told = _splits(judged, root, "test")
        notes += told
        values |= {"valid": split, "test": split} if "train" in values else {"test": split}
        if "train" in values:
            notes.append("the original chooses nothing: its retrieval data is both valid and test.")
    if "train" not in values:
        values |= {"test_only": True}
        for key in ("train_topk", "episode_size"):
            values.pop(key, None)
    named = ",".join(str(values.get(key, "")) for key in ("train", "valid", "test"))
    judged_by = [key for key in FREQUENCIES if values.get(key, 0) > 0]
    for key in FREQUENCIES.keys() - set(judged_by):
        values.pop(key, None)
    if "linear_frequency" not in judged_by:
        values.pop("C", None)
    if any(FREQUENCIES[key] for key in judged_by):
        values["cls_task"] = "cifar10"
        notes.append(ON_CIFAR)
    if "karpathy" not in named and not judged_by:
        values.pop("data_root", None)
    for name, known in CLASSES.items():
        if name in named:
            values |= known
    if any(each in named for each in TABLE):
        values.setdefault("csv_separator", "\t")
        if values["csv_separator"] == "\\t":
            values["csv_separator"] = "\t"
    return notes


def _splits(text: str, root: str, what: str) -> tuple[str, list[str]]:
    """A comma list of the original's data as splits of ours."""
    found, notes = [], []
    for name in (each.strip() for each in text.split(",")):
        if name in COCO:
            found.append(f"karpathy_{what}")
            notes.append(f"{name} becomes Karpathy's split of COCO, karpathy_{what}.")
        elif name.endswith(TABLE) or "/" in name:
            found.append(name)
        else:
            folder = f"{root.rstrip('/')}/{name}/{what}" if root else f"{name}/{what}"
            found.append(folder)
            notes.append(f"{name} becomes {folder}, a folder with a folder of pictures a class.")
    return ",".join(dict.fromkeys(found)), notes


def _output(values: Values) -> list[str]:
    logs, name = values.pop("output", None), values.get("run_name")
    if logs and logs != "none":
        values["output"] = f"{logs.rstrip('/')}/{name}" if name else logs
    trackers = values.pop("trackers", None)
    if trackers:
        both = ("tensorboard", "wandb")
        known = [each for each in both if each in trackers or trackers == "all"]
        if known:
            values["trackers"] = ",".join(known)
    if values.pop("restart", False) and "resume" in values:
        values["load"] = values.pop("resume")
    if "resume" in values or "load" in values:
        return ["checkpoints of the original are not read: --resume names a run of ours."]
    return []


def advice(runner: str | None, values: Values) -> list[str]:
    """What the original's command does not say."""
    return [
        f"the original demands {ITRA.flags[key]}, which is not given: add {key}."
        for key in ("image_model", "text_model")
        if not values.get(key)
    ]


ITRA = Tool(
    "ITRA",
    _NAMES,
    {"main.py": "alignment"},
    _KEYS,
    modules=frozenset({"training.main", "itra.training.main", "src.training.main"}),
    as_run=as_run,
    advice=advice,
)


class Fate(NamedTuple):
    """What became of an argument: the key that it is here, or why there is none."""

    key: str | None
    why: str


def _fate(key: str) -> Fate:
    return Fate(None, REMOVED[key]) if key in REMOVED else Fate(TOGETHER.get(key, key), "")


# Of every argument, by its name with underscores.
FATES = {
    argument.flag[2:].replace("-", "_"): _fate(argument.key) for argument in ITRA.arguments.values()
}
