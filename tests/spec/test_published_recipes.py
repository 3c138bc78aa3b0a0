"""The published runs of VL-T5 and VL-BART on one task: specs ask for what their scripts do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vlcli.spec.read import Reading, read_spec

SPECS = Path(__file__).parents[2] / "specs" / "published"

KARPATHY = ("karpathy_train", "karpathy_val", "karpathy_test")
FLICKR = ",".join(f"test_{year}_flickr" for year in (2016, 2017, 2018))
SPLITS = {
    "vqa": KARPATHY,
    "gqa": ("train,valid", "testdev", "submit"),
    "nlvr": ("train", "valid", "test"),
    "refcoco": ("train", "val", "test"),
    "vcr": ("train", "val", "test"),
    "caption": KARPATHY,
    "mmt": ("train", "val", FLICKR),
    "pretrain": ("mscoco_resplit_train,vgnococo", "mscoco_resplit_val", None),
    "pretrain_vcr": ("train", "val", None),
}

# Of VL-T5 and of VL-BART: sizes of training and evaluation batches. A question of VCR has eight
# choices; the published batches hold 4 and 12 questions, 20 and 36 in evaluation.
SIZES = {
    "vqa": ((80, 100), (200, 100)),
    "gqa": ((80, 100), (200, 100)),
    "nlvr": ((30, None), (100, None)),
    "refcoco": ((90, None), (90, None)),
    "vcr": ((8 * 4, 8 * 20), (8 * 12, 8 * 36)),
    "caption": ((80, 100), (80, 100)),
    "mmt": ((30, None), (80, None)),
    "pretrain": ((80, None), (150, None)),
    "pretrain_vcr": ((20, None), (30, None)),
}

# Learning rate, warm-up, clipping, epochs.
FINE_TUNED = (5e-5, 0.1, 5, 20)
WALKS = {
    **dict.fromkeys(SPLITS, FINE_TUNED),
    "mmt": (5e-5, 0.1, 5, 40),
    "pretrain": (1e-4, 0.05, 1, 30),
    "pretrain_vcr": (5e-5, 0.05, 1, 20),
}

SEARCHED = ("vqa", "gqa", "caption", "mmt")  # with five beams; the others choose
HALVED = ("vcr", "pretrain", "pretrain_vcr")  # fp16
LENGTHS = {"refcoco": (20, 20), "mmt": (40, 40), "pretrain": (20, 20), "caption": (20, 20)}

MODELS = {"vlt5": "t5-base", "vlbart": "facebook/bart-base"}
RUNS = [(model, task) for model in MODELS for task in SPLITS]


def recipe(model: str, task: str) -> Reading:
    return read_spec(SPECS / f"{model}_{task}.json5")


def spec_of(model: str, task: str) -> Any:
    return recipe(model, task).spec


def test_every_run_has_a_recipe():
    there = {path.stem for path in SPECS.glob("vl*.json5")}
    assert there == {f"{model}_{task}" for model, task in RUNS}


@pytest.mark.parametrize(("model", "task"), RUNS)
def test_a_recipe_has_nothing_to_be_warned_of(model, task):
    assert recipe(model, task).problems == ()


@pytest.mark.parametrize(("model", "task"), RUNS)
def test_a_recipe_has_the_published_settings(model, task):
    spec = spec_of(model, task)
    assert (spec.arch, spec.backbone, spec.task) == (model, MODELS[model], task)
    assert (spec.train, spec.valid, spec.test) == SPLITS[task]
    assert (spec.batch_size, spec.valid_batch_size) == SIZES[task][model == "vlbart"]
    assert (spec.lr, spec.warmup_ratio, spec.clip_grad_norm, spec.epochs) == WALKS[task]
    assert (spec.optim, spec.weight_decay, spec.dropout) == ("adamw", 0.01, 0.1)
    assert spec.num_beams == (5 if task in SEARCHED else 1)
    assert spec.fp16 == (task in HALVED)
    assert spec.num_workers == (1 if task == "pretrain" else 4)
    assert spec.unfreeze_language_model
    assert (spec.feature_type, spec.n_boxes) == ("butd", 36)
    assert spec.individual_vis_layer_norm == (model == "vlt5")


@pytest.mark.parametrize(("model", "task"), RUNS)
def test_a_recipe_cuts_texts_where_its_script_does(model, task):
    spec = spec_of(model, task)
    if task in ("vcr", "pretrain_vcr"):
        assert spec.max_text_length == (100 if model == "vlt5" else 110)
    if task == "pretrain_vcr":
        assert spec.gen_max_length == spec.max_text_length
    if task in LENGTHS:
        assert (spec.max_text_length, spec.gen_max_length) == LENGTHS[task]


@pytest.mark.parametrize("model", MODELS)
def test_pretraining_has_the_published_objectives(model):
    first, second = spec_of(model, "pretrain"), spec_of(model, "pretrain_vcr")
    assert first.losses == ("lm", "qa", "ground_caption", "refer", "itm")
    assert first.word_mask_rate == (0.15 if model == "vlt5" else 0.3)
    assert second.losses == ("lm", "caption", "refer", "ground_caption")
    assert second.n_ground == 4


@pytest.mark.parametrize(("model", "task"), RUNS)
def test_a_recipe_says_which_weights_it_begins_with(model, task):
    lines = (SPECS / f"{model}_{task}.json5").read_text(encoding="utf-8").splitlines()
    earlier = f"{model}_pretrain_vcr" if task == "vcr" else f"{model}_pretrain"
    told = f"--set load={earlier}, " in lines[1]
    assert told == (task != "pretrain")
