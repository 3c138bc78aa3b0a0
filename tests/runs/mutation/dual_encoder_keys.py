"""Every key of DualSpec."""

from __future__ import annotations

from vlcli.archs.dual_encoder.spec import DualSpec

from .rows import Change, Dead, Table, Values
from .shared_keys import shared

TINY: Values = {
    **{"task": "alignment", "train": "data/vqa.jsonl", "valid": "data/valid.jsonl"},
    **{"image_model_builder": "timm", "image_model": "test_vit", "image_resolution": 32},
    **{"text_model_builder": "huggingface", "text_model": "tiny-text", "text_pooler": "mean"},
    **{"image_head_n_layers": 1, "text_head_n_layers": 1, "joint_projection_dim": 16},
    **{"tokenizer": "train", "dropout": 0.0, "batch_size": 4, "epochs": 1, "lr": 0.01},
    **{"warmup_ratio": 0, "log_every": 1, "device": "cpu", "seed": 1},
}
TESTED: Values = {**TINY, "test": "data/fewer.jsonl"}
TABLE: Values = {**TINY, "train": "data/caption.csv"}

RESNET: Values = {**TINY, "image_model": "test_resnet"}
PAIR: Values = {**TINY, "image_model_builder": "open_clip", "image_model": "tiny-pair"}
TEXT: Values = {
    key: value
    for key, value in TINY.items()
    if key not in ("text_pooler", "tokenizer", "dropout")  # of huggingface
} | {"text_model_builder": "open_clip", "text_model": "tiny-pair"}
LOCKED: Values = {**TINY, "lock_image_model": True}
LOCKED_TEXT: Values = {**TINY, "lock_text_model": True}
SLOWED: Values = {**TINY, "layer_decay_image": 0.5}

DEEP: Values = {**TINY, "image_head_n_layers": 2, "head_hidden_dim": 16}
SIGLIP: Values = {**TINY, "loss": "SigLIP"}
RKD: Values = {**TINY, "loss": "RKD"}
DINO: Values = {**TINY, "loss": "DINO", "n_prototypes": 12}
SEED: Values = {**TINY, "loss": "SEED", "queue_size": 16}
BARLOW: Values = {**TINY, "loss": "BarlowTwins"}
TAUGHT: Values = {**TINY, "distill_model": "tiny-pair"}

CLASSES: Values = {**TINY, "train": "data/classes.jsonl", "valid": "data/classes.jsonl"}
JUDGED: Values = {**CLASSES, "zeroshot_frequency": 1}
BARE: Values = {key: value for key, value in JUDGED.items() if key != "joint_projection_dim"} | {
    **{"text_head_n_layers": 0, "prompt_templates": "cifar"}
}
PROBED: Values = {**CLASSES, "linear_frequency": 1, "C": 1.0, "knn_k": 1}
PUBLISHED: Values = {
    **{**TINY, "zeroshot_frequency": 1},
    "valid": {"alignment": "data/valid.jsonl", "zeroshot": "val"},
}
ALIKE: Values = {
    **{**TINY, "nlp_eval_frequency": 1},
    "valid": {"alignment": "data/valid.jsonl", "sts": "data/alike.tsv"},
}

LIVE: dict[str, Change] = {
    **shared(TINY, TABLE),
    # What runs
    "arch": Change("vlt5", "problems"),
    "preset": Change("single_adapter", "problems"),
    "task": Change("zeroshot", "problems"),
    # Data and splits
    "submit": Change(True, "told", TESTED),
    "data_root": Change("elsewhere", "judged", PUBLISHED),
    # Checkpoints and logs
    "load": Change("runs/dual_encoder", "weights"),
    "resume": Change("runs/again", "order told", {**TINY, "epochs": 2}),
    # Image tower
    "image_model_builder": Change("huggingface", "parameters", PAIR),
    "image_model": Change("test_resnet", "parameters"),
    "image_model_tag": Change("two", "weights", {**PAIR, "pretrained_image_model": True}),
    "pretrained_image_model": Change(True, "weights", PAIR),
    "image_weights": Change("tower.safetensors", "weights", RESNET),
    "image_resolution": Change(64, "inputs"),
    "image_adapter": Change("peft:lora", "parameters"),
    "lock_image_model": Change(True, "parameters"),
    "cache_features": Change(True, "inputs", LOCKED),
    "freeze_bn_statistics": Change(True, "updates", RESNET),
    "lock_image_partial": Change("!norm", "parameters", LOCKED),
    # Text tower
    "text_model_builder": Change("huggingface", "parameters", {**TEXT, "text_model": "tiny-text"}),
    "text_model": Change("gpt2-tiny", "parameters"),
    "text_model_tag": Change("two", "weights", {**TEXT, "pretrained_text_model": True}),
    "pretrained_text_model": Change(True, "weights", TEXT),
    "tokenizer": Change("./words", "targets"),
    "text_pooler": Change("last", "loss"),
    "max_seq_length": Change(4, "targets"),
    "adapter": Change("lora_adapter", "parameters"),
    "n_prompt": Change(2, "parameters targets", TEXT),
    "lock_text_model": Change(True, "parameters"),
    "lock_text_partial": Change("!LayerNorm", "parameters", LOCKED_TEXT),
    # Projection heads
    "image_head_n_layers": Change(2, "parameters"),
    "text_head_n_layers": Change(2, "parameters"),
    "joint_projection_dim": Change(8, "parameters"),
    "head_hidden_dim": Change(8, "parameters", DEEP),
    "n_prototypes": Change(6, "parameters", DINO),
    # Alignment
    "loss": Change("VICReg", "loss"),
    "teacher": Change("image", "loss", SEED),
    "logit_scale": Change(0.5, "weights loss"),
    "max_logit_scale": Change(5.0, "updates"),
    "logit_bias": Change(-1.0, "weights loss", SIGLIP),
    "w_rkd_d": Change(2.0, "loss", RKD),
    "w_rkd_a": Change(2.0, "loss", RKD),
    "dino_teacher_temp": Change(0.5, "loss", DINO),
    "queue_size": Change(8, "weights loss", SEED),
    "legacy_barlow": Change(True, "loss", BARLOW),
    "distill_model": Change("tiny-pair", "targets loss"),
    "distill_weights": Change("two", "loss", TAUGHT),
    "grad_cache_size": Change(1, "portions"),
    # Rates of layers
    "layer_decay_image": Change(0.5, "updates"),
    "layer_decay_text": Change(0.5, "updates"),
    "backbone_decay": Change(0.5, "updates", SLOWED),
    # Captions and classes of a picture
    "caption_choice": Change("all", "order targets"),
    "episode_size": Change(4, "order"),
    "prompt_templates": Change("cifar", "targets judged", JUDGED),
    "class_names": Change("data/names.txt", "targets judged", JUDGED),
    # Evaluation by vectors
    "cls_task": Change("cifar10", "evaluated judged", PUBLISHED),
    "zeroshot_frequency": Change(2, "evaluated judged logged", {**JUDGED, "epochs": 2}),
    "linear_frequency": Change(2, "evaluated judged logged", {**PROBED, "epochs": 2}),
    "nlp_eval_frequency": Change(2, "evaluated logged", {**ALIKE, "epochs": 2}),
    "legacy_zeroshot": Change(True, "judged", BARE),
    "C": Change(5.0, "judged", PROBED),
    "knn_k": Change(3, "judged", PROBED),
}

# Nothing reads them, and a warning says so.
NEVER: dict[str, Dead] = {
    "tasks": Dead("alignment,zeroshot", "a run aligns, and nothing belongs to a task"),
    "testing": Dead(True, "alignment is mixed with no other task"),
    "log_train_accuracy": Dead(True, "a pair writes no answer"),
    "save_frozen": Dead(True, "checkpoints hold every weight", LOCKED),
}

# What several processes make of them is tested there.
GATHERING = "tests/archs/dual_encoder/test_gathering.py"
SEVERAL: dict[str, Dead] = {
    "local_loss": Dead(
        False, f"{GATHERING}::test_loss_gradient_and_memory_are_those_of_one_process"
    ),
    "gather_with_grad": Dead(
        False,
        f"{GATHERING}::test_the_recorded_gradients_of_two_processes",
        {**TINY, "local_loss": False},
    ),
}

DUAL_ENCODER = Table(DualSpec, TINY, TINY, LIVE, NEVER, SEVERAL)
