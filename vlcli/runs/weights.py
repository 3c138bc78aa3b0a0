"""Weights to begin with: of a run, a safetensors file, or a published .pth file."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from vlcli.runs.folder import RunFolder
from vlcli.runtime.checkpoint import Checkpoints, verify
from vlcli.runtime.snapshot import WEIGHTS
from vlcli.runtime.weights import load_weights, read_weights
from vlcli.spec.problem import UserError

SUFFIXES = ("", ".safetensors", ".pth")


def load_into(architecture: nn.Module, name: str) -> Path:
    """Load what `load` names, strictly: UserError says what is missing, extra or misshapen."""
    for suffix in SUFFIXES:
        path = Path(name + suffix)
        if path.is_file():
            weights = read_pth(path) if path.suffix == ".pth" else read_weights(path)
            load_weights(architecture, weights, path)
            return path
    return load_best(architecture, RunFolder.find(name))


def load_best(architecture: nn.Module, run: RunFolder) -> Path:
    """The best checkpoint of a run, its digests verified."""
    checkpoint = Checkpoints(run.path / "checkpoints").best()
    verify(checkpoint)
    load_weights(architecture, read_weights(checkpoint / WEIGHTS), checkpoint)
    return checkpoint


def tokenizer_of_run(name: str) -> Path | None:
    """The tokenizer that weights were trained with, where they are a run's."""
    if any(Path(name + suffix).is_file() for suffix in SUFFIXES):
        return None
    folder = RunFolder.find(name).path / "tokenizer"
    return folder if folder.is_dir() else None


def read_pth(path: Path) -> dict[str, Tensor]:
    """A published checkpoint under today's names, read without running pickled code."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:120] if str(error).strip() else "it is cut off"
        raise UserError(f"The weights {path} cannot be read: {first}") from error
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not all(isinstance(v, Tensor) for v in held.values()):
        raise UserError(f"{path} is not a table of weights by name.")
    return {_today(name): value for name, value in held.items()}


def _today(name: str) -> str:
    """VL-T5's names: without data-parallel's prefix, `vis_encoder` where it means the encoder."""
    name = name.removeprefix("module.")
    for old, new in (("vis_encoder.", "encoder."), ("model.vis_encoder.", "model.encoder.")):
        if name.startswith(old) and not name.startswith(f"{old}model.visual"):
            return new + name.removeprefix(old)
    return name
