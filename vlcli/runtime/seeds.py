"""Random numbers: each update's own seed, and the generators' states as JSON values."""

from __future__ import annotations

import base64
import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's generators, those of all devices included."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def seed_update(seed: int, rank: int, step: int) -> None:
    """Seed everything for one update of one process.

    Dropout then depends on seed, process and step alone: not on how the data was fetched, on what
    validation drew, or on whether the run was resumed.
    """
    words = np.random.SeedSequence([seed, rank, step]).generate_state(2)
    seed_everything(int(words[0]) << 31 | int(words[1]) >> 1)


def rng_state() -> dict[str, Any]:
    """The states of all generators of this process, as JSON values."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [[int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": _text(torch.get_rng_state()),
        "cuda": [],
    }
    if torch.cuda.is_available():
        state["cuda"] = [_text(each) for each in torch.cuda.get_rng_state_all()]
    if torch.backends.mps.is_available():
        state["mps"] = _text(torch.mps.get_rng_state())
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Take back what `rng_state` gave; devices that this machine lacks are left out."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(("MT19937", np.array(keys, np.uint32), position, has_gauss, cached))
    torch.set_rng_state(_bytes(state["torch"]))
    if torch.cuda.is_available():
        for device, each in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(_bytes(each), device)
    if torch.backends.mps.is_available() and "mps" in state:
        torch.mps.set_rng_state(_bytes(state["mps"]))


def _text(state: torch.Tensor) -> str:
    return base64.b64encode(state.numpy().tobytes()).decode()


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
