"""The recorded originals: what a case holds, and our model with its weights.

A case is a JSON file (arguments, names, expected numbers) beside a safetensors file (weights `w.*`,
inputs `in.*`, outputs `out.*`); a `weights_from` names the case that holds the weights.
"""

from __future__ import annotations

import json
import os
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
from vlcli.peft.freezing import freeze
from vlcli.spec.fields import arguments
from vlcli.spec.lists import names_list
from vlcli.spec.methods import METHODS

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "vlt5"
needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recordings in {FOLDER} (VLCLI_PARITY_DIR names their folder)"
)


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
    def training(self) -> bool:
        return self.name.endswith("sparse_train")

    def batch(self) -> VLBatch:
        at = self.inputs.get
        count = len(self.inputs["input_ids"])
        return VLBatch(
            ids=tuple(str(row) for row in range(count)),
            task=self.facts.get("task") or "vqa",
            input_ids=self.inputs["input_ids"],
            labels=self.inputs["labels"],
            weights=self.inputs.get("scores", torch.ones(count)),
            visual=VisualTokens(
                self.inputs["vis_feats"],
                self.inputs["boxes"],
                at("vis_attention_mask"),
                at("img_order_ids"),
                at("obj_order_ids"),
            ),
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
    args = case.args
    family = case.facts["backbone"]
    kind = {"t5": (VLT5, T5ForConditionalGeneration, T5Config)}.get(
        family, (VLBart, BartForConditionalGeneration, BartConfig)
    )
    config = kind[2](**json.loads((FOLDER / f"config_{family}.json").read_text()))
    for key in ("dropout_rate", "dropout", "attention_dropout", "activation_dropout"):
        if hasattr(config, key):
            setattr(config, key, args.dropout)
    model = kind[0](kind[1](config), args, args.feat_dim, tuning=args, tasks=args.tasks, **options)
    weights = {k: v for k, v in case.weights.items() if not k.endswith("position_ids")}
    model.load_state_dict(weights)
    methods = [name for name, (key, _) in METHODS.items() if getattr(args, key)]
    freeze(model, args, methods)
    return model.train(case.training)


def names(*kinds: str) -> list[str]:
    """Both families' names of the cases, those that were recorded."""
    asked = [f"{family}_{kind}" for kind in kinds for family in ("t5", "bart")]
    return [name for name in asked if (FOLDER / f"{name}.json").is_file()]


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
