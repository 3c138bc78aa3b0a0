"""Two encoders small enough for a test, and runs of them on the built-in data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.runs.small import run
from vlcli.runs.train import Outcome
from vlcli.spec.read import Reading, read_spec_text

PLAIN: dict[str, Any] = {
    "arch": "dual_encoder",
    "task": "alignment",
    "dataset": "shapes",
    "image_model_builder": "timm",
    "image_model": "test_convnext",
    "image_resolution": 64,
    "text_model_builder": "huggingface",
    "text_model": "bert-tiny",
    "tokenizer": "train",
    "text_pooler": "mean",
    "image_head_n_layers": 1,
    "text_head_n_layers": 1,
    "joint_projection_dim": 32,
    "batch_size": 8,
    "epochs": 1,
    "lr": 1e-3,
    "train_topk": 16,
    "valid_topk": 6,
    "device": "cpu",
}


def reading(**changed: Any) -> Reading:
    import json

    return read_spec_text(json.dumps({**PLAIN, **changed}), "small")


def trained(folder: Path, resume: Any = None, **changed: Any) -> Outcome:
    return run(reading(**changed), folder, resume)
