"""Sizes of the standard backbones and feature types, known without loading them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from . import stores
from .encoders import CLIP_ENCODERS

Family = Literal["t5", "bart"]


class Backbone(NamedTuple):
    """`width` is d_model; `positions` the length of a learned position table (BART), if any."""

    family: Family
    width: int
    heads: int
    layers: int
    vocabulary: int
    positions: int | None = None
    tied: bool = True


# T5 v1.0 counts 32,128 rows (32,000 pieces, 100 sentinels, 28 spare); BART 50,265.
BACKBONES: dict[str, Backbone] = {
    "t5-tiny": Backbone("t5", 128, 4, 2, 32128),
    "t5-small": Backbone("t5", 512, 8, 6, 32128),
    "t5-base": Backbone("t5", 768, 12, 12, 32128),
    "t5-large": Backbone("t5", 1024, 16, 24, 32128),
    "t5-3b": Backbone("t5", 1024, 32, 24, 32128),
    "t5-11b": Backbone("t5", 1024, 128, 24, 32128),
    "t5-v1_1-small": Backbone("t5", 512, 6, 8, 32128, tied=False),
    "t5-v1_1-base": Backbone("t5", 768, 12, 12, 32128, tied=False),
    "t5-v1_1-large": Backbone("t5", 1024, 16, 24, 32128, tied=False),
    "flan-t5-small": Backbone("t5", 512, 6, 8, 32128, tied=False),
    "flan-t5-base": Backbone("t5", 768, 12, 12, 32128, tied=False),
    "flan-t5-large": Backbone("t5", 1024, 16, 24, 32128, tied=False),
    "bart-tiny": Backbone("bart", 128, 4, 2, 50265, 1024),
    "bart-base": Backbone("bart", 768, 12, 6, 50265, 1024),
    "bart-large": Backbone("bart", 1024, 16, 12, 50265, 1024),
}


SHAPES = ("t5-tiny", "bart-tiny")  # of these nobody has weights or a tokenizer
STOCK_ROWS = (32128, 50265)  # of their word embeddings

# Tokens of the published tokenizers, T5's 100 sentinels among them, and what VL-T5 and VL-BART add:
# 100 visual tokens, and as many sentinels for BART.
TOKENS: dict[Family, int] = {"t5": 32100 + 100, "bart": 50265 + 200}


@cache
def backbone(name: str) -> Backbone | None:
    """What is known of a backbone: a standard name ("t5-base", "facebook/bart-base") or a folder
    with a `config.json`; None where nothing is known."""
    standard = BACKBONES.get(name.rsplit("/", 1)[-1])
    config = Path(name) / "config.json"
    return _from_config(config) if name and _is_file(config) else standard


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def _from_config(path: Path) -> Backbone | None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or config.get("model_type") not in ("t5", "bart"):
        return None
    family: Family = config["model_type"]
    try:
        found = Backbone(
            family=family,
            width=int(config["d_model"]),
            heads=int(_either(config, "num_heads", "encoder_attention_heads", 12)),
            layers=int(_either(config, "num_layers", "encoder_layers", 6)),
            vocabulary=int(config["vocab_size"]),
            positions=int(config.get("max_position_embeddings", 1024))
            if family == "bart"
            else None,
            tied=bool(config.get("tie_word_embeddings", True)),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    sizes = (found.width, found.heads, found.layers, found.vocabulary, found.positions or 1)
    return found if min(sizes) > 0 else None


def _either(config: dict[str, Any], t5: str, bart: str, default: int) -> Any:
    return config.get(t5, config.get(bart, default))


def family_of(name: str) -> Family | None:
    """The family of a backbone: from its configuration, else from its name (t5 before bart)."""
    known = backbone(name)
    if known:
        return known.family
    lower = name.lower()
    return "t5" if "t5" in lower else "bart" if "bart" in lower else None


class Features(NamedTuple):
    """N visual tokens of width F, as a feature type delivers them; None where a file decides."""

    tokens: int | None
    width: int | None


CLIP_WIDTH = {"RN50": 2048, "RN101": 2048, "RN50x4": 2560, "ViT": 768}
CLIP_POOLED_WIDTH = {"RN50": 1024, "RN101": 512, "RN50x4": 640, "ViT": 512}
STORED_TYPES = ("butd", *CLIP_WIDTH)
RAW_TYPES = tuple(CLIP_ENCODERS)
FEATURE_TYPES = (*STORED_TYPES, *RAW_TYPES, "patch")
BUTD_BOXES = 36
CLIP_TOKENS = 49  # a stored CLIP grid, 7 x 7
VIDEO_WIDTH = 512
VISUAL_TOKENS = 100  # <vis_extra_id_0> .. <vis_extra_id_99>


def of_store(feature_type: str) -> Features:
    """N and F of the store that `stored:PATH` names; unknown where there is none."""
    path = stores.path_of(feature_type)
    try:
        index = stores.read_index(path) if path else None
    except stores.StoreError:
        index = None
    return Features(index.tokens, index.width) if index else Features(None, None)
