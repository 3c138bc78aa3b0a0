"""A tiny CLIP with a ResNet, known to open_clip by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip

NAME = "tiny-RN"
CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 2], "width": 8, "patch_size": None},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}


def tiny_clip(folder: Path) -> str:
    """The encoder's name, once its description lies in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{NAME}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder)
    return f"open_clip:{NAME}"
