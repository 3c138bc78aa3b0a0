"""Where the published code stops, a rule stops the spec before anything runs, or it works here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from tests.archs.vlt5.recorded import errors, needs_recordings
from tests.archs.vlt5.tiny import ANSWERS, model, picture, question, spec
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.peft.freezing import freeze
from vlcli.spec.methods import methods_on
from vlcli.spec.problem import Problem
from vlcli.spec.read import read_spec_text

pytestmark = needs_recordings


@dataclass(frozen=True)
class Refused:
    """The code of the rule that says so."""

    code: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Works:
    """A batch of `task` goes through the model and back."""

    spec: dict[str, Any]
    task: str = "vqa"
    masked: bool = False
    answers: tuple[str, ...] | None = None

    @property
    def whole(self) -> dict[str, Any]:
        return {"task": self.task, **self.spec}


ADAPTER, LORA = {"use_adapter": True}, {"use_lora": True}
DECODER, ENCODER = {"decoder_prompt_len": 2}, {"encoder_prompt_len": 3}
SEVERAL = {"task": "multitask", "tasks": ["vqa", "gqa"]}
PREFIX = {"use_attn_prefix": True, "mid_dim": 20}
OTHERS = {"task": "caption", "tasks": ["vqa", "gqa"]}  # caption owns nothing
CLASSIFIER = {"classifier": True}

OUTCOMES: dict[str, Refused | Works] = {
    "adapter_task_none": Refused("R17", {**OTHERS, **ADAPTER}),
    "lora_task_none": Refused("R17", {**OTHERS, **LORA}),
    "encprompt_task_none": Refused("R17", {**OTHERS, **ENCODER}),
    "two_adapters": Refused("R1", {**ADAPTER, "use_compacter": True}),
    "hyper_neither_flag": Refused("R2", {"use_hyperformer": True}),
    "downsample_nonsquare_input": Refused(
        "R49",
        {"downsample": True, "n_boxes": 9, "feature_type": "patch", "image_size": [160, 96]},
    ),
    "expand_vis_4feat": Refused("R56", {"expand_vis_embedding": True, "feature_type": "RN50"}),
    "decprompt_adapter": Works({**DECODER, **ADAPTER}),
    "decprompt_lora": Works({**DECODER, **LORA}),
    "decprompt_multi": Works({**DECODER, **SEVERAL}),
    "decprompt_vis_attention_mask": Works(DECODER, masked=True),
    "encdecprompt_single": Works({**ENCODER, **DECODER, **SEVERAL, "use_single_prompt": True}),
    "lm_head_adapter": Works({"use_lm_head_adapter": True}),
    "attn_prefix_enc0": Works({**PREFIX, **DECODER}),
    "attn_prefix_via_create_config": Works({**PREFIX, **ENCODER, **DECODER}),
    "pretrain_adapter": Works(ADAPTER, task="pretrain"),
    "refcoco_adapter": Works(ADAPTER, task="refcoco"),
    "cls_classifier": Works(CLASSIFIER, task="cls", answers=ANSWERS),
    "vqa_classifier_as_runner_builds_it": Works(CLASSIFIER, answers=ANSWERS),
}


def split(name: str) -> tuple[str, str]:
    """The family and the kind of an error's name."""
    family, kind = name.removeprefix("step_").split("_", 1)
    return family, kind


def cases(kind: type) -> list[str]:
    return [name for name in errors() if isinstance(OUTCOMES.get(split(name)[1]), kind)]


def problems(family: str, arguments: dict[str, Any]) -> list[Problem]:
    whole = {"backbone": f"{family}-tiny", "from_scratch": True, "task": "vqa", **arguments}
    return list(read_spec_text(json.dumps(whole), "case").problems)


def test_every_recorded_error_has_an_outcome() -> None:
    assert [name for name in errors() if split(name)[1] not in OUTCOMES] == []


@pytest.mark.parametrize("name", cases(Refused))
def test_what_cannot_work_is_refused_before_anything_runs(name: str) -> None:
    family, kind = split(name)
    outcome = OUTCOMES[kind]
    assert isinstance(outcome, Refused)
    found = [each.code for each in problems(family, outcome.spec) if each.severity == "error"]
    assert found == [outcome.code]


@pytest.mark.parametrize("name", cases(Works))
def test_what_stopped_the_published_code_works(name: str) -> None:
    family, kind = split(name)
    outcome = OUTCOMES[kind]
    assert isinstance(outcome, Works)
    said = [each.message for each in problems(family, outcome.whole) if each.severity == "error"]
    assert said == []

    built = model(family, outcome.answers, **outcome.whole)
    freeze(built, spec(family, **outcome.whole), methods_on(spec(family, **outcome.whole)))
    labels = {ANSWERS[0]: 1.0} if outcome.answers else {}
    examples = [question(number, task=outcome.task, labels=labels) for number in range(2)]
    if outcome.masked:
        examples[1] = replace(examples[1], visuals=(picture(2),))
    batch = built.collator()(examples)
    assert isinstance(batch, VLBatch)
    assert batch.visual is not None
    assert outcome.masked is (batch.visual.mask is not None)
    losses = built(batch)
    losses.sum.backward()
    assert losses.sum.isfinite()
    reached = [p.grad for p in built.parameters() if p.grad is not None]
    assert reached
    assert all(torch.isfinite(grad).all() for grad in reached)
    assert len(built.predict(batch)) == 2
