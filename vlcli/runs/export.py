"""What a run learned, as a folder to carry away: LoRA folded into the weights, or the parameters of
one task."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from vlcli.contracts import Architecture
from vlcli.peft.lora import LoraLinear
from vlcli.runs.folder import RunFolder
from vlcli.runs.parts import TOKENIZER, restored
from vlcli.runs.weights import load_best
from vlcli.runtime.checkpoint import seal
from vlcli.runtime.snapshot import WEIGHTS
from vlcli.runtime.sources import Given, Left, kept, write_left
from vlcli.runtime.weights import save_weights
from vlcli.spec.methods import METHODS, methods_on
from vlcli.spec.problem import UserError

UNFOLDED = {
    "adapter": "between its two projections stands a GELU",
    "compacter": "between its two projections stands a GELU",
    "lradapter": "between its two projections stands a GELU",
    "hyperformer": "between its two projections stands a GELU",
    "encoder_prompt": "it is part of what the encoder reads, not of its weights",
    "decoder_prompt": "it is part of what the decoder reads, not of its weights",
    "attn_prefix": "it adds keys and values, not weights",
    "lm_head_adapter": "between its two projections stands a GELU",
    "vis_adapter": "between its two projections stands a ReLU",
    "library": "its parts are the adapters library's own; export them as they are",
}


def export(
    run: RunFolder, spec: Any, output: Path | None, task: str | None, merged: bool
) -> tuple[Path, int]:
    """Write the folder (`output`, else RUN/exports/<what>); where it is, and its bytes.

    `merged` folds LoRA into the weights, whole, for a model without it. `task` takes the parameters
    of one task, for a model with `tasks: [task]`. With neither it is what the run's best checkpoint
    holds. UserError where that is impossible, with the reason, and where the folder exists.
    """
    tasks = spec.tasks or (spec.task,)
    if merged:
        _check_foldable(methods_on(spec))
    if task is not None and task not in tasks:
        known = ", ".join(tasks)
        raise UserError(f'{run.path} has no parameters of "{task}"; it has those of {known}.', 3)
    if merged and task is None and len(tasks) > 1 and not spec.use_single_lora:
        raise UserError(
            f"{run.path} has a LoRA update for each of {', '.join(tasks)}, and a weight takes one. "
            f"Choose it: --merged --task {tasks[0]}.",
            3,
        )
    name = "-".join(part for part in (task, "merged" if merged else None) if part) or "trained"
    folder = output or run.path / "exports" / name
    if folder.exists():
        raise UserError(f"{folder} exists; an export never writes over another. Name another.")
    architecture = restored(spec, run)
    load_best(architecture, run, spec.eval_with_wise_ft)
    left: tuple[Left, ...] = ()
    if merged:
        weights = folded(architecture, task or tasks[0])
    else:
        weights = dict(architecture.state_dict())
        given = Given.by(architecture.sources, architecture, trained=False)
        left = given.note(weights)
        weights = kept(weights, given)
    if task is not None:
        others = {other for other in tasks if other != task}
        weights = {n: w for n, w in weights.items() if others.isdisjoint(n.split("."))}
    return folder, _written(run, folder, weights, left)


def _check_foldable(methods: list[str]) -> None:
    """UserError where anything but LoRA would have to be folded."""
    for method in methods:
        if method in UNFOLDED:
            raise UserError(
                f"{METHODS[method][0]} cannot be folded into the weights: {UNFOLDED[method]}. "
                "Leave --merged out to export it as it is.",
                3,
            )
    if "lora" not in methods:
        raise UserError("This run has no LoRA, so there is nothing to fold. Leave --merged out.", 3)


def folded(architecture: Architecture, task: str) -> dict[str, Tensor]:
    """The state dict of a model without LoRA that computes what this one does for a task."""
    weights = dict(architecture.state_dict())
    for name, module in architecture.named_modules(remove_duplicate=False):
        if isinstance(module, LoraLinear):
            weights[f"{name}.weight"] = module.merged(task)
    return {name: value for name, value in weights.items() if ".lora_" not in name}


def _written(run: RunFolder, folder: Path, weights: dict[str, Tensor], left: Sequence[Left]) -> int:
    """Write aside and rename; the bytes of the weights."""
    aside = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save_weights(weights, aside / WEIGHTS)
        if left:
            write_left(left, aside)
        seal(aside)
        shutil.copytree(run.path / TOKENIZER, aside / TOKENIZER)
        aside.rename(folder)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from error
    return (folder / WEIGHTS).stat().st_size
