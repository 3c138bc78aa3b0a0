"""Weights as safetensors: each tied weight once, its other names beside it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vlcli.runtime.shards import like
from vlcli.spec.problem import UserError


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write a state dict; names of one tensor share it, as metadata {alias: kept name} (the form of
    safetensors' own `save_model`)."""
    kept: dict[tuple[object, ...], str] = {}
    aliases: dict[str, str] = {}
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        first = kept.setdefault(_identity(value), name) if value.numel() else name
        if first != name:
            aliases[name] = first
        else:
            tensors[name] = value.detach().contiguous()
    save_file(_apart(tensors), path, metadata={"format": "pt", **aliases})


def _identity(value: Tensor) -> tuple[object, ...]:
    place = (value.device, value.untyped_storage().data_ptr(), value.storage_offset())
    return (*place, value.dtype, tuple(value.shape), value.stride())


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors that are different views of one storage, which safetensors refuses."""
    seen: set[tuple[torch.device, int]] = set()
    apart = {}
    for name, value in tensors.items():
        storage = (value.device, value.untyped_storage().data_ptr())
        apart[name] = value.clone() if storage in seen else value
        seen.add(storage)
    return apart


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a safetensors file on the CPU; aliases name the same tensor."""
    try:
        with safe_open(path, framework="pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise UserError(f"The weights {path} do not exist.") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"The weights {path} cannot be read: {error}.") from None
    for alias, name in metadata.items():
        if alias not in weights and name in weights:
            weights[alias] = weights[name]
    return weights


def weight_names(path: Path) -> set[str]:
    """The names in a safetensors file, without its weights."""
    try:
        with safe_open(path, framework="pt") as file:
            return set(file.keys())
    except (OSError, SafetensorError) as error:
        raise UserError(f"The weights {path} cannot be read: {error}.") from None


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The state dict of a .pth file, read without running pickled code."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:120] if str(error).strip() else "it is cut off"
        raise UserError(f"The weights {path} cannot be read: {first}") from error
    held = held.get("state_dict", held) if isinstance(held, dict) else held
    if not isinstance(held, dict) or not all(isinstance(v, Tensor) for v in held.values()):
        raise UserError(f"{path} is not a table of weights by name.")
    return held


def read_file(path: Path) -> dict[str, Tensor]:
    """The state dict of a file, by its ending."""
    return read_weights(path) if path.suffix == ".safetensors" else read_pickled(path)


def load_weights(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    source: Path,
    may_lack: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """Put a state dict into a module; the names that it lacks, which keep what they hold.

    Names of one tensor need its value once; the first of them wins. UserError where names or shapes
    do not fit, or a name is lacking that is not one of those it `may_lack`.
    """
    own = module.state_dict(keep_vars=True)
    names: dict[int, list[str]] = {}
    for name, value in own.items():
        names.setdefault(id(value), []).append(name)
    given = {group[0]: next((n for n in group if n in weights), None) for group in names.values()}
    lacking = {name for name, found in given.items() if found is None}
    missing = {name for name in lacking if not may_lack(name)}
    unknown = weights.keys() - own.keys()
    if missing or unknown:
        raise UserError(
            f"The checkpoint {source} is of another model: it lacks {_some(missing)} and has "
            f"{_some(unknown)} that this one does not. Use the spec it was made with."
        )
    for name, value in weights.items():
        if value.shape != own[name].shape:
            raise UserError(
                f"The checkpoint {source} is of another model: {name} is {_size(value)} there and "
                f"{_size(own[name])} here. Use the spec it was made with."
            )
    with torch.no_grad():
        for name, found in given.items():
            if found is not None:
                own[name].copy_(like(weights[found], own[name]))
    return sorted(lacking)


def _some(names: set[str]) -> str:
    if not names:
        return "nothing"
    shown = ", ".join(sorted(names)[:3])
    return f"{len(names)} weights ({shown}{', ...' if len(names) > 3 else ''})"


def _size(value: Tensor) -> str:
    return " x ".join(str(side) for side in value.shape) or "a number"
