"""The published arguments: all there, with the defaults of the published `param.py`.

The table is section 1 of the VL-T5 reference; `losses` alone differs, on purpose: the published
"lm,obj,attr,feat" names three objectives of LXMERT that no code implements.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.fields import Group, arguments, group_of

PUBLISHED: dict[str, Any] = {
    # 1.1 Data splits, quick runs, checkpoint, devices
    "seed": 9595, "train": "train", "valid": "valid", "test": None, "test_only": False,
    "submit": False, "train_topk": -1, "valid_topk": -1, "load": None,
    "load_lxmert_qa": None, "from_scratch": False, "run_name": "", "comment": "", "dry": False,
    "multiGPU": False, "distributed": False, "local_rank": -1, "fp16": False, "num_workers": 0,
    "deepspeed": None,
    # 1.2 Optimisation
    "batch_size": 256, "valid_batch_size": None, "optim": "adamw", "warmup_ratio": 0.05,
    "weight_decay": 0.01, "clip_grad_norm": -1.0, "gradient_accumulation_steps": 1, "lr": 1e-4,
    "vis_lr": 1e-4, "vis_weight_decay": 0.01, "adam_eps": 1e-6, "adam_beta1": 0.9,
    "adam_beta2": 0.999, "epochs": 12, "dropout": 0.1, "log_train_accuracy": False,
    "use_separate_optimizer_for_visual": False, "use_adam_for_visual": False,
    # 1.3 Model and visual input
    "backbone": "t5-base", "tokenizer": None, "feat_dim": 2048, "pos_dim": 4,
    "image_size": (448, 448), "use_vision": True, "use_vis_order_embedding": True,
    "use_vis_layer_norm": True, "individual_vis_layer_norm": True,
    "share_vis_lang_layer_norm": False, "n_boxes": 36, "max_n_boxes": 36, "max_text_length": 20,
    "additional_visual_embedding_layers": 0, "downsample": False, "oneddownsample": False,
    "sparse_sample": False, "expand_vis_embedding": False, "n_image_tokens": 4,
    "vis_use_transformer": False, "feature_type": "butd", "vis_pooling_output": False,
    "use_data_augmentation": False,
    # 1.4 Tuning methods and freezing
    "use_adapter": False, "use_hyperformer": False, "use_compacter": False,
    "use_lradapter": False, "use_single_adapter": False, "reduction_factor": 16,
    "add_adapter_cross_attn": True, "add_layer_norm_before_adapter": False,
    "add_layer_norm_after_adapter": False, "share_down_sampler": False,
    "share_up_sampler": False, "hypercomplex_division": 4, "phm_rank": 1,
    "shared_phm_rule": True, "factorized_phm": True, "phm_init_range": 0.01,
    "shared_phm_rule_over_tasks": False, "low_rank_rank": 1, "unique_hyper_net": False,
    "efficient_unique_hyper_net": False, "projected_task_embedding_dim": -1, "use_lora": False,
    "lora_dim": 4, "lora_alpha": 32, "use_single_lora": False, "encoder_prompt_len": 0,
    "decoder_prompt_len": 0, "use_single_prompt": False, "mid_dim": 768,
    "use_attn_prefix": False, "unfreeze_language_model": False, "unfreeze_layer_norms": False,
    "unfreeze_lm_head": False, "use_lm_head_adapter": False, "unfreeze_vis_encoder": False,
    "unfreeze_vis_last_layer": False, "unfreeze_batch_norms": False, "use_vis_adapter": False,
    "vis_adapter_type": "middle-bottleneck", "vis_reduction_factor": 2,
    "remove_bn_vis_adapter": False, "freeze_ln_statistics": False,
    "freeze_bn_statistics": False, "track_z": False, "lambda_z": 0.001,
    # 1.5 Text, tasks, inference
    "num_beams": 1, "gen_max_length": 20, "prompt": "vqa: ", "post_prompt": "", "prefix": None,
    "no_prefix": False, "use_tasks_prompts": False, "tasks": (),
    "multitask_sampling": "roundrobin", "testing": False, "oscar_tags": False,
    "do_lower_case": False, "caption_only": False, "coco_only": False, "caption_cocoonly": True,
    "itm_cocoonly": True, "n_ground": 1, "word_mask_rate": 0.15, "obj_mask_rate": 0.15,
    "ground_upsample": 1, "ground_weight": 1, "single_vqa_prefix": False, "raw_label": False,
    "answer_normalize": False, "classifier": False, "test_answerable": False,
    "RefCOCO_GT": False, "RefCOCO_BUTD": False, "shuffle_boxes": False, "vis_pointer": False,
    "cls_task": "tinyimagenet",
}  # fmt: skip
OURS: dict[str, Any] = {
    "losses": ("lm", "qa", "itm", "ground_caption", "refer"),
    "output": None,  # a folder named after the spec, in place of snap/test for every run
}


def test_there_are_139_published_keys():
    known = [key for key, field in arguments(VLSpec).items() if field.published]
    assert len(known) == 139
    assert sorted(known) == sorted({*PUBLISHED, *OURS})


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_published_key_has_the_published_default(key):
    default = arguments(VLSpec)[key].default
    assert default == PUBLISHED[key]
    assert isinstance(default, bool) == isinstance(PUBLISHED[key], bool)


@pytest.mark.parametrize("key", OURS)
def test_where_our_default_differs(key):
    assert arguments(VLSpec)[key].default == OURS[key]


def test_the_defaults_pass_their_own_checks():
    assert vars(VLSpec(**vars(VLSpec()))) == vars(VLSpec())


def test_the_other_spellings_of_the_listing_are_known():
    also = {name: key for key, f in arguments(VLSpec).items() for name in f.also}
    assert also == {
        "model_type": "preset",
        "use_tasks_prompt": "use_tasks_prompts",
        "wordMaskRate": "word_mask_rate",
        "objMaskRate": "obj_mask_rate",
        "images_dir": "images",
    }


def test_every_key_belongs_to_one_group_with_a_title():
    for key in arguments(VLSpec):
        group = group_of(VLSpec, key)
        assert issubclass(group, Group), key
        assert re.fullmatch(r"[A-Z][^\n.]+", group.__doc__ or ""), group
        owners = [each for each in VLSpec.__mro__ if key in inspect.get_annotations(each)]
        assert owners == [group], key
