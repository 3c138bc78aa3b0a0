"""What is known of a tower before it is built: its family and how wide its vectors are."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.spec.run import Run
from vlcli.spec.sizes import of_store
from vlcli.spec.stores import STORED

from .groups.needs import has_head


class Known(NamedTuple):
    """A model of transformers: its `model_type` and its width, where they are known."""

    family: str = ""
    width: int | None = None


SHAPES = {
    "bert-tiny": Known("bert", 128),
    "bert-mini": Known("bert", 256),
    "bert-small": Known("bert", 512),
    "bert-base-uncased": Known("bert", 768),
    "roberta-base": Known("roberta", 768),
    "gpt2-tiny": Known("gpt2", 128),
    "gpt2": Known("gpt2", 768),
    "t5-tiny": Known("t5", 128),
    "t5-small": Known("t5", 512),
}
# Words in the names of the hub, the first that fits.
NAMED = (
    *("distilbert", "albert", "roberta", "deberta", "mpnet", "electra", "bert", "gpt2", "bart"),
    *("t5", "siglip", "clip", "beit", "dinov2", "vit"),
)
PROJECTED = ("clip", "siglip")  # families whose vectors may have another width than their states
# Widths of what is left of torchvision's models without their classifier.
TORCHVISION = (
    (r"resnet(18|34)|squeezenet.*|maxvit_t", 512),
    (r"(wide_)?resnet\d+(_2)?|resnext.*|inception_v3", 2048),
    (r"vit_b_.*|(convnext|swin|swin_v2)_(t|s|tiny|small)", 768),
    (
        r"vit_l_.*|convnext_base|swin(_v2)?_b|densenet121|googlenet|shufflenet_v2_x(0_5|1_0|1_5)",
        1024,
    ),
    (r"vit_h_.*|efficientnet_(b0|b1|v2_.)|mnasnet.*|mobilenet_v2", 1280),
    (r"mobilenet_v3_small", 576),
    (r"mobilenet_v3_large", 960),
)


@cache
def transformers_model(name: str) -> Known:
    """By a folder's config.json, a known shape, or the words of a name."""
    try:
        config = json.loads((Path(name) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if isinstance(config, dict):
        widths = (config.get(key) for key in ("hidden_size", "d_model", "n_embd", "dim"))
        return Known(
            str(config.get("model_type", "")), next((w for w in widths if type(w) is int), None)
        )
    if name in SHAPES:
        return SHAPES[name]
    plain = name.rsplit("/", 1)[-1].lower()
    return Known(next((family for family in NAMED if family in plain), ""))


@cache
def open_clip_width(name: str) -> int | None:
    """The width of an architecture, out of the package's own list; it is not imported."""
    found = find_spec("open_clip")
    for folder in found.submodule_search_locations or () if found else ():
        try:
            held: Any = json.loads((Path(folder) / "model_configs" / f"{name}.json").read_text())
        except (OSError, ValueError):
            continue
        width = held.get("embed_dim") if isinstance(held, dict) else None
        return width if type(width) is int else None
    return None


def width(run: Run, side: str) -> int | None:
    """The width of what comes out of a side, its head included; None where it is not known."""
    if has_head(run, side):
        wide: int | None = run.joint_projection_dim
        return wide
    builder, name = getattr(run, f"{side}_model_builder"), getattr(run, f"{side}_model")
    if builder == "open_clip":
        return open_clip_width(name)
    if builder == "stored":
        return of_store(f"{STORED}{name}").width
    if builder == "huggingface" and side == "text":
        known = transformers_model(name)
        return None if known.family.startswith(PROJECTED) else known.width
    if builder == "torchvision":
        return next((wide for like, wide in TORCHVISION if re.fullmatch(like, name)), None)
    return None


def rows_of(path: str, most: int) -> int | None:
    """How many lines of records a file has, counted up to `most`; None where it is no such file."""
    if not path.endswith((".jsonl", ".csv", ".tsv")):
        return None
    try:
        with open(path, "rb") as file:
            found = sum(1 for _, line in zip(range(most + 2), file, strict=False) if line.strip())
    except OSError:
        return None
    return found - (0 if path.endswith(".jsonl") else 1)
