"""What of a model trains is counted by part, without weights, as the real model has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn
from transformers import T5Config

from tests.archs.vlt5 import tiny
from vlcli.archs.vlt5.building import VLBuilding
from vlcli.archs.vlt5.tokenizer import LARGEST, save_tokenizer, train_tokenizer
from vlcli.contracts import Architecture, Part
from vlcli.runs.params import Count, count, outlined
from vlcli.runtime.optimizer import KEPT, build_optimizer
from vlcli.spec.methods import METHODS
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text

TASKS = ("vqa", "gqa")


def of(**values: Any) -> Any:
    reading = read_spec_text(json.dumps({"backbone": "bart-tiny", **values}))
    assert reading.spec is not None, reading.problems
    return reading.spec


def shared_and_own(found: Count) -> dict[tuple[str, str | None], int]:
    return {(row.part.name, row.part.task): row.total for row in found.rows}


METHOD_ARGUMENTS: dict[str, dict[str, Any]] = {
    "adapter": {"use_adapter": True, "add_layer_norm_before_adapter": True},
    "compacter": {"use_compacter": True},
    "lradapter": {"use_lradapter": True},
    "hyperformer": {"use_hyperformer": True, "unique_hyper_net": True},
    "lora": {"use_lora": True},
    "encoder_prompt": {"encoder_prompt_len": 3},
    "decoder_prompt": {"decoder_prompt_len": 3},
    "attn_prefix": {"use_attn_prefix": True, "encoder_prompt_len": 3, "decoder_prompt_len": 2},
    "lm_head_adapter": {"use_lm_head_adapter": True},
    "library": {"adapter": "mam"},
    "full": {"unfreeze_language_model": True},
}


@pytest.mark.parametrize("family", ["t5", "bart"])
@pytest.mark.parametrize("method", METHOD_ARGUMENTS)
def test_an_outline_has_the_parameters_of_the_real_model(family, method):
    spec = tiny.spec(family, tasks=TASKS, feat_dim=tiny.F, **METHOD_ARGUMENTS[method])
    tokenizer = tiny.tokenizer(family)
    real = VLBuilding().architecture(spec, tokenizer, tiny.F, None)
    outline = VLBuilding().outline(spec, tokenizer, None).architecture
    for model in (real, outline):
        VLBuilding().freeze(model, spec)
    assert shapes(outline) == shapes(real)
    assert {parameter.device.type for parameter in outline.parameters()} == {"meta"}
    assert count(outline, "adamw") == count(real, "adamw")


def shapes(model: nn.Module) -> dict[str, Any]:
    return {
        name: (parameter.shape, parameter.dtype, parameter.requires_grad)
        for name, parameter in model.named_parameters()
    }


@pytest.mark.parametrize("family", ["t5", "bart"])
@pytest.mark.parametrize("method", [each for each in METHOD_ARGUMENTS if each != "full"])
def test_what_a_method_adds_stands_under_its_name(family, method):
    known = {"backbone": f"{family}-tiny", "task": "multitask", "tasks": ["vqa", "gqa"]}
    plain, found = outlined(of(**known)), outlined(of(**known, **METHOD_ARGUMENTS[method]))
    own = [row for row in found.rows if row.part.name == method]
    assert {row.part.name for row in found.rows} - {method} == {row.part.name for row in plain.rows}
    assert sum(row.total for row in own) == found.total - plain.total > 0
    assert all(row.trainable == row.total for row in own)
    assert method in METHODS


def test_the_parts_are_the_model():
    found = outlined(of(task="vqa", unfreeze_layer_norms=True))
    assert [row.part for row in found.rows] == [
        Part("word embeddings"),
        Part("encoder"),
        Part("visual embedding"),
        Part("decoder"),
    ]
    words, encoder, visual, decoder = found.rows
    assert (words.trainable, words.total) == (0, 50465 * 128)  # once, though four modules have it
    assert (visual.trainable, visual.total) == (visual.total, 128 * (2048 + 13))
    assert encoder.trainable == (2 * 2 + 1) * 2 * 128
    assert decoder.trainable == (2 * 3 + 1) * 2 * 128


D, R, PLACES = 128, 8, 2 * 2 + 2 * 3  # r = D / 16
DOWN, UP = PLACES * (D * R + R), PLACES * (R * D + D)


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ({}, {"vqa": DOWN + UP, "gqa": DOWN + UP}),
        ({"use_single_adapter": True}, {None: DOWN + UP}),
        ({"share_up_sampler": True}, {None: UP, "vqa": DOWN, "gqa": DOWN}),
        ({"share_down_sampler": True}, {None: DOWN, "vqa": UP, "gqa": UP}),
    ],
    ids=str,
)
def test_what_tasks_share_is_told_from_what_they_own(switch, expected):
    found = outlined(of(tasks="vqa,gqa", use_adapter=True, **switch))
    own = {task: n for (name, task), n in shared_and_own(found).items() if name == "adapter"}
    assert own == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"use_compacter": True}, {None: 4**3}),
        ({"use_hyperformer": True, "unique_hyper_net": True}, {"vqa": 512, "gqa": 512}),
        ({"use_lora": True}, {"vqa": 6 * 2 * 2 * D * 4, "gqa": 6 * 2 * 2 * D * 4}),
        ({"use_lora": True, "use_single_lora": True}, {None: 6 * 2 * 2 * D * 4}),
    ],
    ids=str,
)
def test_other_methods_have_tasks_too(arguments, expected):
    rows = shared_and_own(outlined(of(tasks="vqa,gqa", **arguments)))
    own = {task: n for (name, task), n in rows.items() if name in METHODS}
    assert expected.items() <= own.items()


@pytest.mark.parametrize(
    ("backbone", "rows"),
    [
        ("facebook/bart-base", 50465),
        ("t5-base", 32200),
        ("google-t5/t5-small", 32200),
        ("bart-large", 50465),
    ],
)
def test_the_vocabulary_is_that_of_the_published_tokenizer(backbone, rows):
    found = outlined(of(task="vqa", backbone=backbone))
    width = {"t5-small": 512, "bart-large": 1024}.get(backbone.rpartition("/")[2], 768)
    assert found.rows[0].total == rows * width
    assert found.remarks == ()


def test_a_tokenizer_that_is_yet_to_be_learned_is_counted_at_its_largest():
    found = outlined(of(task="vqa", tokenizer="train", from_scratch=True, dataset="shapes",
                        feature_type="patch"))  # fmt: skip
    assert found.rows[0].total == LARGEST * 128
    assert "8,200 tokens, the most that a tokenizer learned" in found.remarks[0]
    words = [f"{first}{second}x" for first in range(40) for second in range(40)]
    assert len(train_tokenizer(words * 2, "bart", LARGEST - 200 - 7600)) == LARGEST - 7600


def test_a_folder_is_counted_by_its_files(tmp_path):
    stock, other = tmp_path / "t5-stock", tmp_path / "t5-other"
    for folder, rows in ((stock, 32128), (other, 900)):
        T5Config(
            d_model=16, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=rows
        ).save_pretrained(folder)
    assert outlined(of(task="vqa", backbone=str(stock))).rows[0].total == 32200 * 16
    bare = outlined(of(task="vqa", backbone=str(other)))
    assert bare.rows[0].total == 900 * 16
    assert "900 rows of the backbone" in bare.remarks[0]
    tokenizer = tiny.tokenizer("t5")
    save_tokenizer(tokenizer, other)
    own = outlined(of(task="vqa", backbone=str(other)))
    assert (own.rows[0].total, own.remarks) == (len(tokenizer) * 16, ())


def test_the_tokenizer_of_a_run_to_begin_with_counts(tmp_path):
    tokenizer = tiny.tokenizer("bart")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    save_tokenizer(tokenizer, tmp_path / "run" / "tokenizer")
    found = outlined(of(task="vqa", load=str(tmp_path / "run")))
    assert found.rows[0].total == len(tokenizer) * 128


def test_an_answer_head_is_counted_where_its_answers_are_known(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(["yes", "no", "two"]))
    without = outlined(of(task="vqa", classifier=True))
    found = outlined(of(task="vqa", classifier=True, answer_vocab=str(path)))
    head = next(row for row in found.rows if row.part.name == "answer head")
    assert head.trainable == head.total == (128 * 256 + 256) + 2 * 256 + (256 * 3 + 3)
    assert found.total == without.total + head.total
    assert "The answer head is not counted" in without.remarks[0]


def test_an_image_tower_is_counted_without_its_weights():
    known = {"task": "vqa", "image_size": 64, "unfreeze_vis_encoder": True}
    found = outlined(of(feature_type="raw:timm:test_resnet", **known))
    row = next(row for row in found.rows if row.part.name == "image tower")
    tower = timm.create_model("test_resnet", num_classes=0)
    assert row.trainable == row.total == sum(each.numel() for each in tower.parameters())
    assert not found.remarks
    clip = outlined(of(feature_type="raw_RN50", vis_pooling_output=True, **known))
    row = next(row for row in clip.rows if row.part.name == "image tower")
    assert row.total == 38_316_896 - (7 * 7 - 2 * 2) * 2048  # positions of 64 x 64 pixels


@pytest.mark.parametrize(
    "values",
    [
        {"task": "refcoco"},
        {"task": "pretrain"},
        {"task": "mmt", "use_adapter": True},
        {"tasks": "tvqa,how2qa,tvc,yc2c", "use_lora": True},
        {"task": "vqa", "submit": True},
        {"task": "vqa", "use_vision": False, "unfreeze_language_model": True},
    ],
    ids=str,
)
def test_a_spec_that_cannot_be_run_yet_is_counted_all_the_same(values):
    found = outlined(of(**values))
    assert 0 < found.trainable <= found.total


@pytest.mark.parametrize(
    ("backbone", "words"),
    [
        ("me/my-t5", "The shape of me/my-t5 is not known without its files"),
        ("EMPTY-t5", "holds no configuration"),
    ],
)
def test_a_shape_that_is_not_known_is_one_sentence(tmp_path, backbone, words):
    if backbone.startswith("EMPTY"):
        backbone = str(tmp_path / "t5-empty")
        Path(backbone).mkdir()
    with pytest.raises(UserError, match=words) as caught:
        outlined(of(task="vqa", backbone=backbone))
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("optim", KEPT)
def test_memory_is_that_of_weights_gradients_and_what_the_optimizer_keeps(optim):
    spec = of(task="vqa", optim=optim)
    found = outlined(spec)
    assert found.memory.weights == 4 * found.total
    assert found.memory.gradients == 4 * found.trainable
    weight = nn.Parameter(torch.ones(7, 3))
    optimizer = build_optimizer(spec, [{"params": [weight]}])
    weight.grad = torch.ones(7, 3)
    optimizer.step()
    state = [each for each in optimizer.state[weight].values() if getattr(each, "shape", None)]
    assert found.memory.optimizer == len(state) * 4 * found.trainable


def test_the_json_form_adds_up():
    found = outlined(of(tasks="vqa,gqa", use_adapter=True)).as_json()
    assert sum(part["trainable"] for part in found["parts"]) == found["trainable"]
    assert sum(part["total"] for part in found["parts"]) == found["total"]
    assert found["percent"] == round(100 * found["trainable"] / found["total"], 3)


def test_an_architecture_that_says_nothing_is_counted_by_its_first_names():
    class Plain(Architecture):
        def __init__(self) -> None:
            super().__init__()
            self.tower = nn.Linear(2, 3)
            self.head = nn.Linear(3, 1)
            self.tower.requires_grad_(False)

    assert count(Plain(), "sgd").line == "4 of 13 parameters train (30.769 %)."
    assert [row.part.name for row in count(Plain(), "sgd").rows] == ["tower", "head"]
