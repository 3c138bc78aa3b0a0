"""Weights to begin with: of a run, a safetensors file, or a published .pth file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from torch import Tensor

from vlcli.contracts import Architecture
from vlcli.peft.freezing import methods_own
from vlcli.peft.library import restart_magnitudes
from vlcli.runs.folder import RunFolder
from vlcli.runtime.average import exchange, mixed, moving
from vlcli.runtime.checkpoint import Checkpoints, verify
from vlcli.runtime.keeper import load_checkpoint
from vlcli.runtime.snapshot import WEIGHTS
from vlcli.runtime.sources import joined, read_left
from vlcli.runtime.weights import (
    load_weights,
    read_pickled,
    read_weights,
    save_weights,
    weight_names,
)
from vlcli.spec.problem import UserError

BEGUN = "begun.safetensors"  # in a run folder: the weights that training changes, before it
SUFFIXES = ("", ".safetensors", ".pth")


def load_into(architecture: Architecture, name: str) -> list[str]:
    """Load what `load` names, strictly; remarks on what it leaves as it was.

    Parameters of a tuning method, a classifier's head, and an image tower may all be lacking: they
    are new then, or the tower's own. UserError says what is missing, extra or misshapen.
    """
    path = found(name)
    if path.is_dir():
        verify(path)
        held = joined(read_weights(path / WEIGHTS), read_left(path), architecture, path)
    else:
        held = read_pth(path) if path.suffix == ".pth" else read_weights(path)
    held = wrapped(held, architecture.state_dict())
    lacking = load_weights(architecture, held, path, _new(architecture, held))
    remarks = []
    if own := architecture.of_tower(lacking):
        remarks.append(f"{path} gives no weights for {len(own)} parameters of the image tower.")
    if new := [name for name in lacking if name not in own]:
        restart_magnitudes(architecture)
        first = f"{path} gives no weights for {len(new)} parameters"
        remarks.append(f"{first} ({new[0]}, ...): new ones.")
    return remarks


def wrapped(held: dict[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """Weights under the names of a model in which an adapter has wrapped some of their layers."""
    plain = {_plain(name): name for name in names if name not in held}
    return {plain.get(name, name): value for name, value in held.items()}


def _plain(name: str) -> str:
    """What a weight is called without the wrapper of peft, or of LoRA in fused attention."""
    return re.sub(r"\bparametrizations\.(\w+)\.original$", r"\1", name).replace(".base_layer.", ".")


def _new(architecture: Architecture, held: dict[str, Tensor]) -> Callable[[str], bool]:
    """Which names may be lacking: those of a method, of a head, or of a tower, that the weights do
    not know."""
    method = methods_own(architecture)
    names = architecture.state_dict().keys()
    head = {name for name in names if name.startswith("answer_head.")}
    tower = architecture.of_tower(names)
    new = {name for each in (method, head, tower) if each.isdisjoint(held) for name in each}
    return new.__contains__


def found(name: str) -> Path:
    """The file that `load` names, or the checkpoint folder: one's own, or a run's best."""
    for suffix in SUFFIXES:
        if Path(name + suffix).is_file():
            return Path(name + suffix)
    if (Path(name) / WEIGHTS).is_file():
        return Path(name)
    return best_of(RunFolder.find(name))


def best_of(run: RunFolder) -> Path:
    """The best checkpoint of a run, its digests verified."""
    return Checkpoints(run.path / "checkpoints").best()


def load_best(architecture: Architecture, run: RunFolder, share: float = 1.0) -> Path:
    """Put the best checkpoint of a run into its architecture, or a share of it below 1 with the
    rest of the weights that the run began with."""
    checkpoint = best_of(run)
    load_checkpoint(architecture, checkpoint)
    if share < 1:
        exchange(architecture, with_begun(architecture, run, share))
    return checkpoint


def keep_begun(architecture: Architecture, run: RunFolder) -> None:
    """Keep the weights that training is going to change."""
    save_weights({n: each.detach() for n, each in moving(architecture).items()}, run.path / BEGUN)


def with_begun(architecture: Architecture, run: RunFolder, share: float) -> dict[str, Tensor]:
    """A share of the weights as they are, and the rest of those that the run began with.
    UserError where the run has not kept them, or they are of another model."""
    if not (run.path / BEGUN).is_file():
        raise UserError(
            f"The run {run.path} did not keep the weights it began with. Train it with "
            "eval_with_wise_ft below 1; evaluations may then choose another.",
            exit_code=3,
        )
    return mixed(read_weights(run.path / BEGUN), moving(architecture), share)


def left_out(load: str | None, run: RunFolder | None) -> set[str]:
    """The sources of what the weights to come leave out: those of a run, else of `load`."""
    folder = found(load) if load is not None else None
    if run is not None and (kept := Checkpoints(run.path / "checkpoints").all()):
        folder = kept[0]
    return set() if folder is None else {each.name for each in read_left(folder)}


def names_of(load: str) -> set[str]:
    """The names of the weights that `load` names."""
    path = found(load)
    if path.suffix == ".pth":
        return set(read_pth(path))
    return weight_names(path / WEIGHTS if path.is_dir() else path)


def tokenizer_of_run(name: str) -> Path | None:
    """The tokenizer that weights were trained with, where they are a run's or an export's."""
    if any(Path(name + suffix).is_file() for suffix in SUFFIXES):
        return None
    folder = Path(name) if (Path(name) / WEIGHTS).is_file() else RunFolder.find(name).path
    for place in (folder / "tokenizer", folder.parent.parent / "tokenizer"):
        if place.is_dir():
            return place
    return None


def read_pth(path: Path) -> dict[str, Tensor]:
    """A published checkpoint under today's names."""
    return {_today(name): value for name, value in read_pickled(path).items()}


def _today(name: str) -> str:
    """VL-T5's names: without data-parallel's prefix, `vis_encoder` where it means the encoder."""
    name = name.removeprefix("module.")
    for old, new in (("vis_encoder.", "encoder."), ("model.vis_encoder.", "model.encoder.")):
        if name.startswith(old) and not name.startswith(f"{old}model.visual"):
            return new + name.removeprefix(old)
    return name
