"""A VL-T5 or VL-BART in its full shape on the meta device: no weights, and no files but those of
folders that a spec names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.modeling_utils import no_init_weights

from vlcli.contracts import Outline
from vlcli.spec.sizes import STOCK_ROWS, TOKENS, backbone

from .architecture import VLArchitecture
from .backbones import config_of, empty_model
from .spec import VLSpec
from .tokenizer import LARGEST, has_tokenizer, load_tokenizer
from .tower import vis_encoder


def outline(spec: VLSpec, tokenizer: Any, answers: Sequence[str] | None) -> Outline:
    """The model of a spec; `tokenizer` is None where it is not at hand, `answers` where the answer
    list is not."""
    config = config_of(spec.backbone)
    remarks = []
    if tokenizer is not None:
        tokens = len(tokenizer)
    else:
        tokens, remark = vocabulary(spec, config.vocab_size)
        remarks += [remark] if remark else []
    if spec.classifier and not answers:
        remarks.append(
            "The answer head is not counted: its answers are known with the training data. Name "
            "a list of them as answer_vocab."
        )
    # First weights are of no use on the meta device, and take most of the time there.
    with torch.device("meta"), no_init_weights():
        stock, tower = empty_model(config, tokens), vis_encoder(spec, bare=True)
        model = VLArchitecture.on(stock, spec, spec.feat_dim, answers=answers or (), tower=tower)
    return Outline(model, (*remarks, *(tower.remarks if tower else ())))


def vocabulary(spec: VLSpec, rows: int) -> tuple[int, str]:
    """How many tokens the tokenizer of a spec has, and a remark where that is not sure; `rows` are
    those of the backbone's own word embedding."""
    if spec.tokenizer == "train":
        return LARGEST, (
            f"Word embeddings are counted for {LARGEST:,} tokens, the most that a tokenizer "
            "learned from the training data has; vlcli train --dry-run counts those it learns."
        )
    name = spec.tokenizer or spec.backbone
    if has_tokenizer(name):
        return len(load_tokenizer(name)), ""
    known = backbone(name)
    if known and known.vocabulary in STOCK_ROWS:
        return TOKENS[known.family], ""
    return rows, (
        f"Word embeddings are counted with the {rows:,} rows of the backbone: the tokenizer {name} "
        "is not at hand."
    )
