"""Every key of VLSpec."""

from __future__ import annotations

from vlcli.archs.vlt5.spec import VLSpec

from .rows import Change, Dead, Table, Values
from .shared_keys import shared

TINY: Values = {
    **{"task": "vqa", "train": "data/vqa.jsonl", "valid": "data/valid.jsonl"},
    **{"backbone": "./t5", "from_scratch": True, "tokenizer": "train"},
    **{"unfreeze_language_model": True, "dropout": 0.0, "gen_max_length": 4},
    **{"feature_type": "patch", "image_size": 32, "patch_size": 16},
    **{"batch_size": 4, "epochs": 1, "lr": 0.01, "warmup_ratio": 0, "log_every": 1},
    **{"device": "cpu", "seed": 1},
}
LEARNED: Values = {**TINY, "epochs": 6, "gen_max_length": 6}
FROZEN: Values = {**TINY, "unfreeze_language_model": False}
TRAINED: Values = {**TINY, "backbone": "./trained", "from_scratch": False}
BART: Values = {**TINY, "backbone": "./bart"}
POOLED: Values = {**BART, "image_size": 16}  # one token
SOME: Values = {**TINY, "n_boxes": 1}  # of four tokens
TESTED: Values = {**TINY, "test": "data/fewer.jsonl"}
RAW_LABEL: Values = {**TINY, "raw_label": True}

BOXES: Values = {**TINY, "feature_type": "butd"}
CAPTION: Values = {**TINY, "task": "caption", "train": "data/caption.jsonl"} | {
    "valid": "data/caption.jsonl"
}
TABLE: Values = {**CAPTION, "train": "data/caption.csv"}
LEARNED_CAPTION: Values = {**CAPTION, "epochs": 6, "gen_max_length": 8}
BOXED_CAPTION: Values = {**CAPTION, "feature_type": "butd"}
REFCOCO: Values = {**TINY, "task": "refcoco", "train": "data/refcoco.jsonl"} | {
    "valid": "data/refcoco.jsonl"
}
EXPRESSIONS: Values = {**BOXES, "task": "refcoco", "train": "train", "valid": "val"}
CLASSES: Values = {**TINY, "task": "cls", "train": "train", "valid": "val"}
PRETRAIN: Values = {**TINY, "task": "pretrain", "train": "data/pretrain.jsonl"} | {
    **{"valid": "data/pretrain.jsonl", "batch_size": 8, "max_text_length": 40},
    "gen_max_length": 8,
}
CAPTIONED: Values = {**PRETRAIN, "losses": "lm,qa,caption"}

MIXED: Values = {
    **TINY,
    "task": "multitask",
    "tasks": "vqa,gqa",
    "test": None,
    "train": {"vqa": "data/vqa.jsonl", "gqa": "data/gqa.jsonl"},
}
BY_SIZE: Values = {**MIXED, "multitask_sampling": "temperature", "batch_size": 2}
ADAPTER: Values = {**FROZEN, "use_adapter": True, "reduction_factor": 4}
ADAPTERS: Values = {**MIXED, "unfreeze_language_model": False, "use_adapter": True} | {
    "reduction_factor": 4
}
TRACKED: Values = {**ADAPTERS, "track_z": True}
HYPERFORMER: Values = {**FROZEN, "use_hyperformer": True, "unique_hyper_net": True} | {
    "reduction_factor": 4
}
COMPACTER: Values = {**FROZEN, "use_compacter": True, "hypercomplex_division": 2} | {
    "reduction_factor": 4
}
COMPACTERS: Values = {**ADAPTERS, "use_adapter": False, "use_compacter": True} | {
    **{"hypercomplex_division": 2, "shared_phm_rule": False}
}
LORA: Values = {**FROZEN, "use_lora": True}
LORAS: Values = {**MIXED, "unfreeze_language_model": False, "use_lora": True}
PROMPT: Values = {**FROZEN, "encoder_prompt_len": 2, "mid_dim": 16}
PROMPTS: Values = {**MIXED, "unfreeze_language_model": False, "encoder_prompt_len": 2} | {
    "mid_dim": 16
}
NORMS: Values = {**FROZEN, "unfreeze_layer_norms": True}
TOWER: Values = {key: value for key, value in TINY.items() if key != "patch_size"} | {
    **{"feature_type": "raw:timm:test_resnet", "vis_weights": "random", "image_size": 64},
    "freeze_bn_statistics": True,
}
CLIP: Values = {**TOWER, "feature_type": "raw:open_clip:tiny-RN"}
VIS_ADAPTER: Values = {**TOWER, "use_vis_adapter": True}
CLIP_ADAPTER: Values = {**CLIP, "use_vis_adapter": True, "remove_bn_vis_adapter": True}
LEARNING: Values = {**TOWER, "unfreeze_vis_encoder": True}
OWN_RATE: Values = {**LEARNING, "use_separate_optimizer_for_visual": True}

LIVE: dict[str, Change] = {
    **shared(TINY, TABLE),
    # What runs
    "arch": Change("vlbart", "problems"),
    "preset": Change("single_adapter", "parameters", FROZEN),
    "task": Change("gqa", "inputs"),
    "tasks": Change("vqa,gqa", "parameters", ADAPTER),
    # Data and splits
    "submit": Change(True, "files", TESTED),
    "testing": Change(True, "files evaluated", MIXED),
    "data_root": Change("elsewhere", "inputs", BOXES),
    # Training
    "log_train_accuracy": Change(True, "logged"),
    # Checkpoints and logs
    "load": Change("runs/vlt5", "weights", TRAINED),
    "save_frozen": Change(True, "files", {**TRAINED, "unfreeze_language_model": False}),
    "from_scratch": Change(True, "weights", TRAINED),
    "resume": Change("runs/again", "order told", {**TRAINED, "epochs": 2}),
    # Backbone
    "backbone": Change("./bart", "parameters"),
    "tokenizer": Change("./words", "inputs"),
    # Visual embedding
    "use_vision": Change(False, "parameters"),
    "feat_dim": Change(512, "problems"),
    "pos_dim": Change(5, "problems"),
    "legacy_area": Change(False, "loss", REFCOCO),
    "use_vis_order_embedding": Change(False, "parameters"),
    "use_vis_layer_norm": Change(False, "parameters"),
    "individual_vis_layer_norm": Change(False, "parameters"),
    "share_vis_lang_layer_norm": Change(True, "loss", BART),
    "n_boxes": Change(10, "inputs", BOXED_CAPTION),
    "max_n_boxes": Change(40, "problems", BOXED_CAPTION),
    "additional_visual_embedding_layers": Change(1, "parameters"),
    "downsample": Change(True, "loss", SOME),
    "oneddownsample": Change(True, "loss", SOME),
    "sparse_sample": Change(True, "loss", SOME),
    "expand_vis_embedding": Change(True, "parameters", POOLED),
    "n_image_tokens": Change(2, "parameters", {**POOLED, "expand_vis_embedding": True}),
    "vis_use_transformer": Change(True, "parameters", BART),
    # Visual features
    "feature_type": Change("butd", "inputs parameters"),
    "image_size": Change(64, "inputs"),
    "patch_size": Change(8, "inputs parameters"),
    "use_data_augmentation": Change(True, "inputs"),
    "cache_features": Change(True, "inputs", TOWER),
    "vis_weights": Change("tower.safetensors", "weights files", TOWER),
    "vis_pooling_output": Change(True, "loss", TOWER),
    "legacy_attnpool_positions": Change(True, "weights loss", {**CLIP, "vis_pooling_output": True}),
    "use_vis_adapter": Change(True, "parameters", TOWER),
    "vis_adapter_type": Change("front-bottleneck", "parameters", VIS_ADAPTER),
    "vis_reduction_factor": Change(4, "parameters", VIS_ADAPTER),
    "remove_bn_vis_adapter": Change(True, "parameters", VIS_ADAPTER),
    "legacy_vis_adapter_bn": Change(True, "parameters", CLIP_ADAPTER),
    "use_separate_optimizer_for_visual": Change(True, "updates", LEARNING),
    "use_adam_for_visual": Change(True, "updates", OWN_RATE),
    "vis_lr": Change(0.1, "updates", OWN_RATE),
    "vis_weight_decay": Change(0.1, "updates", OWN_RATE),
    # Adapters
    "use_adapter": Change(True, "parameters", FROZEN),
    "use_lradapter": Change(True, "parameters", FROZEN),
    "low_rank_rank": Change(2, "parameters", {**FROZEN, "use_lradapter": True}),
    "use_single_adapter": Change(True, "parameters", ADAPTERS),
    "reduction_factor": Change(8, "parameters", ADAPTER),
    "add_adapter_cross_attn": Change(False, "parameters", ADAPTER),
    "add_layer_norm_before_adapter": Change(True, "parameters", ADAPTER),
    "add_layer_norm_after_adapter": Change(True, "parameters", ADAPTER),
    "share_down_sampler": Change(True, "parameters", ADAPTERS),
    "share_up_sampler": Change(True, "parameters", ADAPTERS),
    "use_lm_head_adapter": Change(True, "parameters", FROZEN),
    "track_z": Change(True, "loss", ADAPTERS),
    "lambda_z": Change(1.0, "loss", TRACKED),
    # Hyperformer
    "use_hyperformer": Change(True, "parameters", {**FROZEN, "unique_hyper_net": True}),
    "unique_hyper_net": Change(False, "problems", HYPERFORMER),
    "efficient_unique_hyper_net": Change(True, "parameters", HYPERFORMER),
    "projected_task_embedding_dim": Change(8, "parameters", HYPERFORMER),
    # Compacter
    "use_compacter": Change(True, "parameters", {**FROZEN, "reduction_factor": 4}),
    "hypercomplex_division": Change(4, "parameters", COMPACTER),
    "phm_rank": Change(2, "parameters", COMPACTER),
    "shared_phm_rule": Change(False, "parameters", COMPACTER),
    "factorized_phm": Change(False, "parameters", COMPACTER),
    "phm_init_range": Change(0.1, "weights", COMPACTER),
    "shared_phm_rule_over_tasks": Change(True, "parameters", COMPACTERS),
    "factorized_phm_rule": Change(True, "parameters", COMPACTER),
    "learn_phm": Change(False, "parameters", COMPACTER),
    # LoRA
    "use_lora": Change(True, "parameters", FROZEN),
    "lora_dim": Change(2, "parameters", LORA),
    "lora_alpha": Change(8, "loss updates", LORA),
    "use_single_lora": Change(True, "parameters", LORAS),
    "lora_dropout": Change(0.5, "updates", LORA),
    "lora_targets": Change("q,v,o", "parameters", LORA),
    # Prompts
    "encoder_prompt_len": Change(3, "parameters", PROMPT),
    "decoder_prompt_len": Change(2, "parameters", PROMPT),
    "use_single_prompt": Change(True, "parameters", PROMPTS),
    "mid_dim": Change(24, "parameters", PROMPT),
    "use_attn_prefix": Change(True, "parameters", PROMPT),
    # The adapters library
    "adapter": Change("seq_bn", "parameters", FROZEN),
    # Freezing
    "unfreeze_language_model": Change(True, "parameters", FROZEN),
    "unfreeze_layer_norms": Change(True, "parameters", FROZEN),
    "legacy_t5_norms": Change(True, "parameters", NORMS),
    "unfreeze_lm_head": Change(True, "parameters", FROZEN),
    "unfreeze_vis_encoder": Change(True, "parameters", TOWER),
    "unfreeze_vis_last_layer": Change(True, "parameters", TOWER),
    "unfreeze_batch_norms": Change(True, "parameters", TOWER),
    "freeze_bn_statistics": Change(False, "updates", TOWER),
    # Text
    "prompt": Change("say: ", "inputs"),
    "post_prompt": Change(" say", "inputs"),
    "use_tasks_prompts": Change(True, "inputs", MIXED),
    "max_text_length": Change(3, "inputs"),
    "oscar_tags": Change(True, "inputs", BOXED_CAPTION),
    # Generation
    "num_beams": Change(3, "predictions", LEARNED),
    "gen_max_length": Change(3, "targets predictions", LEARNED_CAPTION),
    "answer_vocab": Change("train", "predictions"),
    # Pretraining
    "losses": Change("lm,qa", "order", PRETRAIN),
    "word_mask_rate": Change(0.6, "inputs", PRETRAIN),
    "n_ground": Change(2, "inputs", PRETRAIN),
    "ground_upsample": Change(2, "order", PRETRAIN),
    "ground_weight": Change(0.5, "targets loss", PRETRAIN),
    "single_vqa_prefix": Change(True, "inputs", PRETRAIN),
    "caption_only": Change(True, "order", PRETRAIN),
    "coco_only": Change(True, "order", PRETRAIN),
    "caption_cocoonly": Change(False, "order", CAPTIONED),
    "itm_cocoonly": Change(False, "order", PRETRAIN),
    # Caption
    "prefix": Change("span", "inputs", CAPTION),
    "no_prefix": Change(True, "inputs", CAPTION),
    # VQA
    "classifier": Change(True, "parameters"),
    "raw_label": Change(True, "targets"),
    "answer_normalize": Change(True, "targets", RAW_LABEL),
    # RefCOCOg
    "RefCOCO_GT": Change(True, "predictions", EXPRESSIONS),
    "shuffle_boxes": Change(True, "inputs", REFCOCO),
    "only_boxes": Change(True, "predictions", REFCOCO),
    "vis_pointer": Change(True, "problems", REFCOCO),
    # Classification
    "cls_task": Change("cifar10", "told order", CLASSES),
    # Multitask
    "multitask_sampling": Change("alternate", "order", MIXED),
    "sampling_temperature": Change(100.0, "order", BY_SIZE),
    "task_weight": Change({"gqa": 0.5}, "targets loss", MIXED),
}

# Nothing reads them, and a warning says so.
NEVER: dict[str, Dead] = {
    "load_lxmert_qa": Dead("weights.pth", "read by no code, as published"),
    "freeze_ln_statistics": Dead(True, "a layer norm keeps no statistics"),
    "obj_mask_rate": Dead(0.3, "masking objects was LXMERT's", PRETRAIN),
    "RefCOCO_BUTD": Dead(True, "detected boxes are used where RefCOCO_GT is false", REFCOCO),
    "do_lower_case": Dead(True, "read by no tokenizer in use"),
    "test_answerable": Dead(True, "read by no code, as published"),
}

VLT5 = Table(VLSpec, TINY, TRAINED, LIVE, NEVER, several={})
