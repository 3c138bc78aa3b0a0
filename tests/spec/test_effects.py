"""Written keys that nothing reads: a warning that says why, for what was written alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec import needs
from vlcli.spec.fields import Need, arguments
from vlcli.spec.problem import Problem
from vlcli.spec.read import read_spec_text

FULL = {"unfreeze_language_model": True}
ADAPTER = {"use_adapter": True}
TWO = {"tasks": "vqa,gqa"}
COMPACTER = {"use_compacter": True, "hypercomplex_division": 2}
RAW = {"feature_type": "raw_RN50", "image_size": 224, "freeze_bn_statistics": True}
BART = {"backbone": "facebook/bart-base", **FULL}
TOWER = {**FULL, **RAW, "unfreeze_vis_encoder": True}
OWN_RATE = {**TOWER, "use_separate_optimizer_for_visual": True}
PRETRAIN = {"task": "pretrain", **FULL}
POOLED = {**RAW, "vis_pooling_output": True}

# Need: the written key, a run in which it is idle, and one in which it has an effect.
REACHED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "NAMED_WEIGHTS": ({"save_frozen": True}, {"from_scratch": True, **FULL}, ADAPTER),
    "UNFROZEN_NORMS": (
        {"legacy_t5_norms": True},
        ADAPTER,
        {**ADAPTER, "unfreeze_layer_norms": True},
    ),
    "ADAPTERS": ({"reduction_factor": 8}, FULL, ADAPTER),
    "CONTROLLERS": (
        {"use_single_adapter": True},
        {"use_hyperformer": True, "unique_hyper_net": True},
        ADAPTER,
    ),
    "SEVERAL_TASKS": ({"share_up_sampler": True}, ADAPTER, {**ADAPTER, **TWO}),
    "NOT_SINGLE": (
        {"share_up_sampler": True},
        {**ADAPTER, **TWO, "use_single_adapter": True},
        {**ADAPTER, **TWO},
    ),
    "HYPERFORMER": (
        {"projected_task_embedding_dim": 32},
        ADAPTER,
        {"use_hyperformer": True, "unique_hyper_net": True},
    ),
    "COMPACTER": ({"phm_init_range": 0.1}, ADAPTER, COMPACTER),
    "AVERAGE": ({"model_ema_decay": 0.9}, FULL, {**FULL, "model_ema": True}),
    "WARMUP_BY_SHARE": ({"warmup_ratio": 0.1}, {**FULL, "warmup": 5}, FULL),
    "LRADAPTER": ({"low_rank_rank": 2}, ADAPTER, {"use_lradapter": True}),
    "FACTORIZED": ({"phm_rank": 2}, {**COMPACTER, "factorized_phm": False}, COMPACTER),
    "OWN_RULES": (
        {"shared_phm_rule_over_tasks": True},
        {**COMPACTER, **TWO},
        {**COMPACTER, **TWO, "shared_phm_rule": False},
    ),
    "LORA": ({"lora_dim": 8}, ADAPTER, {"use_lora": True}),
    "PROMPTS": ({"use_single_prompt": True}, ADAPTER, {"encoder_prompt_len": 4}),
    "PROMPT_MLP": ({"mid_dim": 100}, ADAPTER, {"decoder_prompt_len": 4}),
    "TRACK_Z": (
        {"lambda_z": 0.1},
        {**ADAPTER, **TWO},
        {**ADAPTER, **TWO, "task": "multitask", "track_z": True},
    ),
    "MULTITASK_Z": ({"track_z": True}, ADAPTER, {**ADAPTER, **TWO, "task": "multitask"}),
    "BART": ({"share_vis_lang_layer_norm": True}, FULL, BART),
    "T5": ({"additional_visual_embedding_layers": 1}, BART, FULL),
    "VISION": ({"feature_type": "RN50"}, {**FULL, "use_vision": False}, FULL),
    "VIS_LAYER_NORM": (
        {"individual_vis_layer_norm": False},
        {**FULL, "use_vis_layer_norm": False},
        FULL,
    ),
    "EXPAND": ({"n_image_tokens": 8}, BART, {**BART, **POOLED, "expand_vis_embedding": True}),
    "WIDTH": (
        {"feat_dim": 2048},
        {**FULL, "feature_type": "raw:timm:resnet18"},
        {**FULL, "feature_type": "RN50"},
    ),
    "NOT_EXPANDED": (
        {"vis_use_transformer": True},
        {**BART, **POOLED, "expand_vis_embedding": True},
        BART,
    ),
    "FEWER_TOKENS": (
        {"n_boxes": 16},
        {**FULL, "feature_type": "RN50"},
        {**FULL, "feature_type": "RN50", "downsample": True},
    ),
    "BOX_FILES": ({"max_n_boxes": 36}, FULL, {**FULL, "task": "caption"}),
    "RAW": ({"use_vis_adapter": True}, FULL, {**FULL, **RAW}),
    "PIXELS": ({"image_size": 224}, FULL, {**FULL, "feature_type": "patch"}),
    "PATCH": ({"patch_size": 16}, FULL, {**FULL, "feature_type": "patch", "image_size": 64}),
    "BATCH_NORMS": (
        {"unfreeze_batch_norms": True},
        {**FULL, "feature_type": "raw_ViT", "image_size": 224},
        {**FULL, **RAW},
    ),
    "ATTENTION_POOL": (
        {"legacy_attnpool_positions": True},
        {**FULL, **RAW},
        {**FULL, **POOLED},
    ),
    "VIS_ADAPTER": (
        {"remove_bn_vis_adapter": True},
        {**FULL, **RAW},
        {**FULL, **RAW, "use_vis_adapter": True},
    ),
    "VIS_BOTTLENECK": (
        {"vis_reduction_factor": 4},
        {**FULL, **RAW, "use_vis_adapter": True, "vis_adapter_type": "back-basic"},
        {**FULL, **RAW, "use_vis_adapter": True},
    ),
    "VIS_NORMS": (
        {"remove_bn_vis_adapter": True},
        {**FULL, "feature_type": "raw_ViT", "image_size": 224, "use_vis_adapter": True},
        {**FULL, **RAW, "use_vis_adapter": True},
    ),
    "NO_VIS_NORMS": (
        {"legacy_vis_adapter_bn": True},
        {**FULL, **RAW, "use_vis_adapter": True},
        {**FULL, **RAW, "use_vis_adapter": True, "remove_bn_vis_adapter": True},
    ),
    "SEPARATE_OPTIMIZER": ({"vis_lr": 0.1}, TOWER, OWN_RATE),
    "ADAMW": ({"use_separate_optimizer_for_visual": True}, {**TOWER, "optim": "sgd"}, TOWER),
    "MULTITASK": ({"testing": True}, FULL, {**FULL, **TWO, "task": "multitask"}),
    "BY_TEMPERATURE": (
        {"sampling_temperature": 2.0},
        {**FULL, **TWO, "task": "multitask"},
        {**FULL, **TWO, "task": "multitask", "multitask_sampling": "temperature"},
    ),
    "REFCOCO": ({"shuffle_boxes": True}, FULL, {**FULL, "task": "refcoco"}),
    "VQA": ({"raw_label": True}, {**FULL, "task": "gqa"}, FULL),
    "CAPTION": ({"no_prefix": True}, FULL, {**FULL, "task": "caption"}),
    "CLS": ({"cls_task": "cifar10"}, FULL, {**FULL, "task": "cls"}),
    "PRETRAIN": ({"losses": "lm"}, FULL, PRETRAIN),
    "CLASSIFIED": ({"classifier": True}, {**FULL, "task": "caption"}, FULL),
    "OSCAR": ({"oscar_tags": True}, FULL, {**FULL, "task": "caption"}),
    "QUESTIONS": ({"post_prompt": "?"}, {**FULL, "task": "caption"}, FULL),
    "RAW_LABEL": ({"answer_normalize": True}, FULL, {**FULL, "raw_label": True}),
    "GROUNDED": ({"n_ground": 2}, {**PRETRAIN, "losses": "lm"}, PRETRAIN),
    "MASKED": ({"word_mask_rate": 0.3}, {**PRETRAIN, "losses": "itm"}, PRETRAIN),
    "QA_LOSS": ({"single_vqa_prefix": True}, {**PRETRAIN, "losses": "lm"}, PRETRAIN),
    "ITM_LOSS": ({"itm_cocoonly": False}, {**PRETRAIN, "losses": "lm"}, PRETRAIN),
    "CAPTION_LOSS": (
        {"caption_cocoonly": False},
        PRETRAIN,
        {**PRETRAIN, "losses": "lm,caption"},
    ),
    "OWN_SETTINGS": ({"adam_beta1": 0.8}, {**FULL, "optim": "adam"}, FULL),
    "NOT_TEST_ONLY": ({"epochs": 2}, {**FULL, "test_only": True, "test": "test"}, FULL),
    "ANSWERED": ({"log_train_accuracy": True}, {"task": "alignment"}, FULL),
    "TRAINING": ({"lr": 0.1}, {**FULL, "test_only": True, "test": "test"}, FULL),
    "OWN_FILES": ({"images": "specs"}, FULL, {**FULL, "train": "my.jsonl"}),
    "OWN_TABLES": (
        {"csv_img_key": "name"},
        {**FULL, "train": "a.jsonl", "valid": "b.jsonl", "test": None, "feature_type": "patch"},
        {**FULL, "train": "a.csv", "valid": "b.jsonl", "test": None, "feature_type": "patch"},
    ),
    "FILES": ({"data_root": "data"}, {**FULL, "dataset": "shapes"}, FULL),
    "PUBLISHED": (
        {"data_root": "data"},
        {**FULL, "train": "a.jsonl", "valid": "b.jsonl", "test": None, "feature_type": "patch"},
        {**FULL, "train": "a.jsonl", "valid": "b.jsonl", "test": None},
    ),
    "TASK_OWNERS": ({"tasks": "vqa,gqa"}, FULL | {"task": "vqa"}, ADAPTER | {"task": "vqa"}),
    "WRITTEN": ({"num_beams": 5}, {**FULL, "task": "refcoco"}, FULL),
    "CUT_TEXTS": ({"max_text_length": 40}, {**FULL, "task": "nlvr"}, FULL),
    "FREE_ANSWERS": (
        {"gen_max_length": 5},
        {**FULL, "answer_vocab": "train"},
        {**FULL, "task": "caption", "answer_vocab": "train"},
    ),
    "DETECTED": (
        {"RefCOCO_GT": True},
        {**FULL, "task": "refcoco", "valid": "my.jsonl"},
        {**FULL, "task": "refcoco", "valid": "my.jsonl", "test": "test"},
    ),
    "WHOLE": (
        {"image_size": 64},
        {**FULL, "task": "refcoco", "feature_type": "patch", "dataset": "shapes"},
        {**FULL, "task": "refcoco", "feature_type": "patch", "train": "my.jsonl"},
    ),
    "PROMPTED": ({"prompt": "q: "}, {**FULL, "task": "vcr"}, FULL),
    "WRITTEN_ANSWERS": ({"use_lm_head_adapter": True}, {**FULL, "classifier": True}, FULL),
}
NEVER = {
    "load_lxmert_qa": "a",
    "freeze_ln_statistics": True,
    "obj_mask_rate": 0.3,
    "RefCOCO_BUTD": True,
    "do_lower_case": True,
    "test_answerable": True,
}


def idle(values: dict[str, Any]) -> list[Problem]:
    written = values if {"task", "tasks"} & values.keys() else {"task": "vqa", **values}
    found = read_spec_text(json.dumps(written)).problems
    return [problem for problem in found if " no effect" in problem.message]


def test_every_need_is_in_the_table():
    known = {name for name, each in vars(needs).items() if isinstance(each, Need)}
    assert set(REACHED) == known
    used = {each for field in arguments(VLSpec).values() for each in field.needs}
    shared = {getattr(needs, name) for name in known}
    assert shared <= used
    keys = [
        key
        for key, field in arguments(VLSpec).items()
        if any(need not in shared for need in field.needs)
    ]
    assert sorted(keys) == sorted(NEVER)


@pytest.mark.parametrize("name", REACHED)
def test_a_need_that_is_not_met_is_told_with_its_code_reason_and_fix(name):
    need: Need = getattr(needs, name)
    written, without, _ = REACHED[name]
    (key,) = written
    run = {"task": "vqa", **without, **written}
    (problem,) = [each for each in idle(run) if key in each.message.split(" no effect")[0]]
    assert (problem.code, problem.severity, problem.path) == (need.code, "warning", key)
    assert problem.message == f"{key} has no effect: it is read only {need.when}."
    assert problem.fix == need.fix.format(it="it")


@pytest.mark.parametrize("name", REACHED)
def test_a_need_that_is_met_is_not_told(name):
    written, _, met = REACHED[name]
    (key,) = written
    said = [each.message for each in idle({"task": "vqa", **met, **written})]
    assert not [message for message in said if key in message.split(" no effect")[0]]


@pytest.mark.parametrize("key", NEVER)
def test_what_nothing_reads_says_so(key):
    (problem,) = idle({**FULL, key: NEVER[key]})
    assert problem.message.startswith(f"{key} has no effect: it is read by n")


def test_keys_that_lack_the_same_are_one_warning():
    (problem,) = idle({**FULL, "lora_dim": 8, "lora_alpha": 16, "use_single_lora": True})
    assert problem.message == (
        "lora_dim, lora_alpha and use_single_lora have no effect: "
        "they are read only with use_lora: true."
    )
    assert problem.fix == "Set use_lora: true, or remove them."
    assert [place.path for place in problem.places] == ["lora_alpha", "use_single_lora"]


def test_keys_that_lack_different_things_are_two_warnings():
    found = idle({**FULL, "lora_dim": 8, "phm_rank": 2})
    assert [each.code for each in found] == ["R21", "R11"]


def test_a_value_for_a_task_that_does_not_read_the_key_is_told():
    mixed = {**FULL, "tasks": "vqa,nlvr,vcr"}
    (problem,) = idle({**mixed, "num_beams": {"vqa": 2, "nlvr": 3, "vcr": 3}})
    assert (problem.code, problem.path) == ("N1", "num_beams")
    assert problem.message == (
        "num_beams has no effect for nlvr and vcr: it is read only where answers are written, and "
        "nlvr, refcoco and vcr choose theirs."
    )
    assert problem.fix == "Remove nlvr and vcr from num_beams."
    (problem,) = idle({**mixed, "post_prompt": {"vcr": "?"}})
    assert problem.fix == "Remove vcr from post_prompt."
    assert idle({**mixed, "num_beams": {"vqa": 2}}) == []


def test_what_a_task_brings_of_itself_is_not_judged():
    assert idle({**FULL, "tasks": "vqa,vcr", "gen_max_length": {"vqa": 4}}) == []


def test_a_classifier_writes_nothing():
    found = idle({**FULL, "classifier": True, "num_beams": 5, "gen_max_length": 5})
    assert [each.message.split(" have no effect")[0] for each in found] == [
        "num_beams and gen_max_length"
    ]


@pytest.mark.parametrize(("losses", "seen"), [("refer,ground_caption", False), ("refer,lm", True)])
def test_objectives_about_boxes_see_no_whole_picture(losses, seen):
    drawn = {"feature_type": "patch", "dataset": "shapes", "image_size": 64}
    found = idle({**PRETRAIN, **drawn, "losses": losses})
    assert [each.path for each in found] == ([] if seen else ["image_size"])


def test_a_switch_in_its_off_position_asks_for_nothing():
    off = {"use_single_lora": False, "raw_label": False, "train_topk": -1, "answer_vocab": None}
    assert idle({**FULL, **off}) == []


def test_a_default_that_is_written_is_judged_and_one_that_is_not_is_not():
    assert idle(FULL) == []
    assert [each.path for each in idle({**FULL, "lora_dim": 4})] == ["lora_dim"]


def test_what_a_preset_brings_is_not_judged():
    assert idle({"preset": "single_adapter", "use_adapter": False, **FULL}) == []


def test_a_reason_in_doubt_is_no_reason():
    assert idle({**FULL, "lora_dim": 8, "use_lora": "yes"}) == []
