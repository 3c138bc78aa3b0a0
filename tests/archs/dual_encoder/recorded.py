"""The recorded original: numbers in <name>.json, tensors in <name>.safetensors."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"
needs_recordings = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recordings in {FOLDER} (VLCLI_PARITY_DIR names their folder)"
)


@cache
def numbers(name: str) -> dict[str, Any]:
    held: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return held


@cache
def tensors(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f"{name}.safetensors")
