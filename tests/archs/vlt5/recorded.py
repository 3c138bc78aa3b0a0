"""The recorded originals: what a case holds, and our model with its weights.

A case is a JSON file (arguments, names, expected numbers) beside a safetensors file (weights `w.*`,
inputs `in.*`, outputs `out.*`); a `weights_from` names the case that holds the weights. Where the
original stops, `<case>.error.json` says how.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.bart import VLBart
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.t5 import VLT5
from vlcli.archs.vlt5.visual_embedding import VisualTokens
from vlcli.peft import hyperformer
from vlcli.peft.freezing import freeze
from vlcli.spec.fields import arguments
from vlcli.spec.lists import names_list
from vlcli.spec.methods import methods_on

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "vlt5"
needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recordings in {FOLDER} (VLCLI_PARITY_DIR names their folder)"
)

# The recorder filled this prefix by hand, as a raw view that mixes rows and heads, and left it
# frozen. Ours keeps them apart and trains: tests/peft/test_prefix.py.
LEFT_OUT = ("bart_attn_prefix_manual",)


@dataclass(frozen=True)
class Case:
    name: str
    facts: dict[str, Any]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    weights: dict[str, Tensor]

    @property
    def args(self) -> VLSpec:
        """The recorded arguments as a spec; names that only the original has are left out. T5's
        layer norms stay frozen, as the original left them whatever its arguments said."""
        known = {k: v for k, v in self.facts["args"].items() if k in arguments(VLSpec)}
        tasks = names_list(known["tasks"])
        return VLSpec(**{**known, "tasks": tasks, "legacy_t5_norms": True})

    @property
    def without_lora(self) -> bool:
        """T5's cases of LoRA: the original has none there, whatever its arguments say."""
        return self.args.use_lora and not any("lora_As" in name for name in self.weights)

    @property
    def training(self) -> bool:
        return self.name.endswith("sparse_train")

    def visual(self) -> VisualTokens:
        """Two pictures of an example (B, 2, N, F) stand in a row."""
        at = self.inputs.get
        features, boxes = self.inputs["vis_feats"], self.inputs["boxes"]
        pictures, numbers = at("img_order_ids"), at("obj_order_ids")
        if features.dim() == 4:
            n = features.shape[2]
            features, boxes = features.flatten(1, 2), boxes.flatten(1, 2)
            pictures = torch.arange(2).repeat_interleave(n)[None]
            numbers = torch.arange(n).repeat(2)[None]
        return VisualTokens(features, boxes, at("vis_attention_mask"), pictures, numbers)

    def batch(self) -> VLBatch:
        at = self.inputs.get
        count = len(self.inputs["input_ids"])
        return VLBatch(
            ids=tuple(str(row) for row in range(count)),
            task=self.facts.get("task") or "vqa",
            input_ids=self.inputs["input_ids"],
            labels=self.inputs["labels"],
            weights=self.inputs.get("scores", torch.ones(count)),
            visual=self.visual(),
            answers=at("targets"),
        )


@cache
def _facts(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


@cache
def _tensors(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f"{name}.safetensors")


def case(name: str) -> Case:
    facts, tensors = _facts(name), _tensors(name)
    weights = _part(_tensors(facts["weights_from"]), "w.")
    weights |= {alias: weights[of] for alias, of in facts["alias"].items()}
    return Case(name, facts, _part(tensors, "in."), _part(tensors, "out."), weights)


def model_of(case: Case, **options: Any) -> VLArchitecture:
    """Our architecture with the recorded arguments and weights, frozen as the arguments say."""
    model = new_model_of(case, **options)
    weights = {k: v for k, v in case.weights.items() if not k.endswith("position_ids")}
    missing, unknown = model.load_state_dict(weights, strict=not case.without_lora)
    assert not unknown
    assert all(".lora_" in name for name in missing)
    freeze(model, case.args, methods_on(case.args))
    return model.train(case.training)


def new_model_of(case: Case, **options: Any) -> VLArchitecture:
    """Our architecture with the recorded arguments and first weights of its own."""
    args = case.args
    family = case.facts["backbone"]
    kinds: dict[str, Any] = {
        "t5": (VLT5, T5ForConditionalGeneration, T5Config),
        "bart": (VLBart, BartForConditionalGeneration, BartConfig),
    }
    kind, stock, of_stock = kinds[family]
    config = of_stock(**json.loads((FOLDER / f"config_{family}.json").read_text()))
    for key in ("dropout_rate", "dropout", "attention_dropout", "activation_dropout"):
        if hasattr(config, key):
            setattr(config, key, args.dropout)
    with _shrunk(case):
        built: VLArchitecture = kind(
            stock(config), args, args.feat_dim, tuning=args, tasks=args.tasks, **options
        )
    return built


@contextmanager
def _shrunk(case: Case) -> Iterator[None]:
    """The hyperformer's fixed widths are what the recorder made of them."""
    sizes = case.facts.get("shrunk", {})
    with pytest.MonkeyPatch.context() as patch:
        for constant, size in (("TASK_WIDTH", "task_embedding_dim"), ("HIDDEN", "task_hidden_dim")):
            if size in sizes:
                patch.setattr(hyperformer, constant, sizes[size])
        yield


def names(*facts: str) -> list[str]:
    """Both families' cases that hold all of these facts."""
    starts = ("t5", "bart") if "train_loss" not in facts else ("step_t5", "step_bart")
    found = [name for start in starts for name in _stems(f"{start}_*.json")]
    kept = [name for name in found if not name.endswith(".error") and name not in LEFT_OUT]
    return [name for name in kept if all(_facts(name).get(fact) is not None for fact in facts)]


def errors() -> list[str]:
    """The cases in which the original stops, without `.error`."""
    found = [name for start in ("t5", "bart", "step") for name in _stems(f"{start}_*.error.json")]
    return [name.removesuffix(".error") for name in found]


def _stems(pattern: str) -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in FOLDER.glob(pattern))


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
