"""The tuning methods under test, and tiny models that were trained a few steps with each."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tests.archs.vlt5.tiny import F, picture, question, spec, tokenizer
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.archs.vlt5.backbones import known_config, new_model
from vlcli.archs.vlt5.bart import VLBart
from vlcli.archs.vlt5.batch import VLBatch
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.archs.vlt5.t5 import VLT5
from vlcli.peft.freezing import freeze
from vlcli.runtime.optimizer import build_optimizer
from vlcli.spec.methods import methods_on

FAMILIES = ("t5", "bart")
TASKS = ("vqa", "gqa")
ROUNDS = 2

ADAPTER = {"use_adapter": True}
COMPACTER = {"use_compacter": True, "hypercomplex_division": 2}
OWN_RULES = {**COMPACTER, "shared_phm_rule": False}
LOW_RANK = {"use_lradapter": True}
HYPER = {"use_hyperformer": True, "projected_task_embedding_dim": 4}
UNIQUE, EFFICIENT = {"unique_hyper_net": True}, {"efficient_unique_hyper_net": True}
LORA = {"use_lora": True}
ENCODER = {"encoder_prompt_len": 3, "mid_dim": 16}
DECODER = {"decoder_prompt_len": 2, "mid_dim": 16}
PREFIX = {**ENCODER, **DECODER, "use_attn_prefix": True}
OUTPUT = {"use_lm_head_adapter": True}
SINGLE = {"use_single_adapter": True}
NORMS = {"add_layer_norm_before_adapter": True, "add_layer_norm_after_adapter": True}
NO_CROSS = {"add_adapter_cross_attn": False}

METHODS: dict[str, dict[str, Any]] = {
    "adapter_single": {**ADAPTER, **SINGLE},
    "adapter_multi": ADAPTER,
    "adapter_share_up": {**ADAPTER, "share_up_sampler": True},
    "adapter_share_down": {**ADAPTER, "share_down_sampler": True},
    "adapter_norms": {**ADAPTER, **NORMS},
    "adapter_no_cross": {**ADAPTER, **NO_CROSS},
    "compacter": COMPACTER,
    "compacter_single": {**COMPACTER, **SINGLE},
    "compacter_own_rules": OWN_RULES,
    "compacter_rules_over_tasks": {**OWN_RULES, "shared_phm_rule_over_tasks": True},
    "compacter_whole": {**OWN_RULES, "factorized_phm": False},
    "compacter_factorized_rules": {**OWN_RULES, "factorized_phm_rule": True},
    "compacter_factorized_rule": {**COMPACTER, "factorized_phm_rule": True},
    "compacter_fixed_rule": {**COMPACTER, "learn_phm": False},
    "compacter_fixed_rules": {**OWN_RULES, "learn_phm": False, "shared_phm_rule_over_tasks": True},
    "compacter_share_updown": {**OWN_RULES, "share_up_sampler": True, "share_down_sampler": True},
    "low_rank": {**LOW_RANK, "low_rank_rank": 2},
    "low_rank_single": {**LOW_RANK, **SINGLE},
    "hyper_unique": {**HYPER, **UNIQUE},
    "hyper_efficient": {**HYPER, **EFFICIENT},
    "hyper_unique_norms": {**HYPER, **UNIQUE, **NORMS},
    "hyper_efficient_norms": {**HYPER, **EFFICIENT, **NORMS},
    "hyper_no_cross": {**HYPER, **UNIQUE, **NO_CROSS},
    "lora_single": {**LORA, "use_single_lora": True},
    "lora_multi": LORA,
    "lora_everywhere": {**LORA, "lora_targets": ("q", "k", "v", "o", "ff")},
    "encoder_prompt_single": {**ENCODER, "use_single_prompt": True},
    "encoder_prompt_multi": ENCODER,
    "decoder_prompt_single": {**DECODER, "use_single_prompt": True},
    "decoder_prompt_multi": DECODER,
    "prompts": {**ENCODER, **DECODER},
    "prefix": PREFIX,
    "prefix_encoder": {**PREFIX, "decoder_prompt_len": 0},
    "prefix_decoder": {**PREFIX, "encoder_prompt_len": 0},
    "output_adapter": OUTPUT,
    "output_adapter_norms": {**OUTPUT, **NORMS},
    "adapter_and_lora": {**ADAPTER, **LORA},
    "adapter_and_prompts": {**ADAPTER, **ENCODER, **DECODER},
    "lora_and_decoder_prompt": {**LORA, **DECODER},
    "all_at_once": {**ADAPTER, **LORA, **PREFIX, **OUTPUT},
}

SHARED = {method for method in METHODS if method.endswith(("single", "share_updown"))}

# What each key lets train, by name; LoRA trains all biases beside, as published.
OWN = {
    "use_adapter": r"_adapter\.(adapters|p\w+_layer_norm)\.",
    "use_compacter": r"_adapter\.(adapters|p\w+_layer_norm)\.|^phm_rule",
    "use_lradapter": r"_adapter\.(adapters|p\w+_layer_norm)\.",
    "use_hyperformer": r"adapter_layers_hyper_net\.|shared_task_embed\.|\btask_embed\.",
    "use_lora": r"\.lora_[AB]s\.|bias",
    "encoder_prompt_len": r"prompt_modules\.|encoder_prefix_embedding\.",
    "decoder_prompt_len": r"prompt_modules\.|decoder_prefix_embedding\.",
    "use_lm_head_adapter": r"^output_adapter\.",
}


@dataclass
class Trained:
    """A model after an update for each task in turn, two rounds of them, and what was seen.

    `first` are the parameters before, `moved` what the updates of a task changed, `reached` what
    had a gradient other than 0 in any of them.
    """

    family: str
    method: str
    model: VLArchitecture
    batches: dict[str, VLBatch]
    first: dict[str, Tensor]
    trainable: set[str]
    moved: dict[str, set[str]]
    reached: set[str]
    finite: bool = True

    @property
    def own(self) -> set[str]:
        """What is to train: the parameters of the method and the visual embedding."""
        patterns = [pattern for key, pattern in OWN.items() if METHODS[self.method].get(key)]
        either = re.compile("|".join([r"visual_embedding\.", *patterns]))
        return {name for name in self.first if either.search(name)}


@cache
def _stock(family: str) -> PreTrainedModel:
    config = known_config(f"{family}-tiny")
    assert config is not None
    narrow = {"d_model": 32, "d_kv": 8, "d_ff": 64, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    config.update(narrow)
    torch.manual_seed(1)
    return new_model(config, tokenizer(family), dropout=0.0)


def fresh(family: str, **arguments: Any) -> VLArchitecture:
    """A new model with these methods, in eval mode; its language model is that of its family."""
    args = arguments_of(family, **arguments)
    kind = {"t5": VLT5, "bart": VLBart}[family]
    stock = deepcopy(_stock(family))
    return kind(stock, args, F, tokenizer(family), args, tuning=args, tasks=TASKS).eval()


def arguments_of(family: str, **arguments: Any) -> VLSpec:
    return spec(family, **{"task": "multitask", "tasks": TASKS, "lr": 1e-2, **arguments})


def batch_of(built: VLArchitecture, task: str = TASKS[0], backwards: bool = False) -> VLBatch:
    """Three questions with texts and pictures of different lengths."""
    examples = [
        question(0, task=task),
        question(1, task=task, text="vqa: what?", visuals=(picture(2, seed=5),)),
        question(2, task=task, visuals=(picture(4, seed=6),)),
    ]
    batch = built.collator()(examples[::-1] if backwards else examples)
    assert isinstance(batch, VLBatch)
    return batch


@torch.no_grad()
def outputs(built: VLArchitecture, batch: VLBatch) -> tuple[Tensor, Tensor]:
    """The encoder's last states and the logits of the targets."""
    encoded = built.encode(batch)
    hidden = built.decode_all(built.shifted(batch.labels), encoded)
    return encoded.states, built.scores(hidden)


def train(family: str, method: str) -> Trained:
    torch.manual_seed(2)
    built = fresh(family, **METHODS[method]).train()
    args = arguments_of(family, **METHODS[method])
    freeze(built, args, methods_on(args))
    named = dict(built.named_parameters())
    seen = Trained(
        family,
        method,
        built,
        {task: batch_of(built, task) for task in TASKS},
        _copied(named),
        {name for name, parameter in named.items() if parameter.requires_grad},
        {task: set() for task in TASKS},
        set(),
    )
    optimizer = build_optimizer(args, built.param_groups(args.weight_decay))
    for _ in range(ROUNDS):
        for task in TASKS:
            _update(seen, task, named, optimizer)
    optimizer.zero_grad(set_to_none=True)
    built.eval()
    return seen


def _update(seen: Trained, task: str, named: dict[str, torch.nn.Parameter], optimizer: Any) -> None:
    before = _copied(named)
    optimizer.zero_grad(set_to_none=True)
    losses = seen.model(seen.batches[task])
    (losses.sum / losses.count).backward()
    for name, parameter in named.items():
        if parameter.grad is not None:
            seen.finite &= bool(parameter.grad.isfinite().all())
            if parameter.grad.count_nonzero():
                seen.reached.add(name)
    optimizer.step()
    seen.moved[task] |= {n for n, p in named.items() if not torch.equal(p, before[n])}


def _copied(named: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in named.items()}
