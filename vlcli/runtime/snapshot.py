"""What a checkpoint holds: weights, optimizer, generators, and how far the run has come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from vlcli.runtime.shards import like, whole
from vlcli.runtime.sources import Left, read_left, write_left
from vlcli.runtime.weights import read_weights, save_weights
from vlcli.spec.problem import UserError

WEIGHTS = "weights.safetensors"
LEARNING = "learning.safetensors"
OPTIMIZER = "optimizer.safetensors"
TRAINER = "trainer.json"
RNG = "rng.json"
FORMAT = 1


@dataclass
class Position:
    """How far a run has come: `step` updates, `epoch` finished passes, `batch` batches of this one.

    `waited` counts validations since the best; `scores` are those of the last validation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best_score: float | None = None
    best_step: int = 0
    waited: int = 0
    scores: dict[str, float] = field(default_factory=dict)


class Snapshot(NamedTuple):
    """A checkpoint in memory. `optimizer` holds tensors as `<parameter>/<key>` (empty where the
    engine keeps it to itself), `rng` the generators' states by rank, `facts` what must fit the run
    that continues, `position` how far it came, and `values` everything else, as JSON. `left` says
    which weights are left out. Where `weights` are a moving average, `learning` holds those that
    it is of."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    rng: list[dict[str, Any]]
    facts: dict[str, Any]
    position: Position
    values: dict[str, Any]
    left: tuple[Left, ...] = ()
    learning: Mapping[str, Tensor] = {}

    def write(self, folder: Path) -> None:
        """Write the files of a checkpoint into an empty folder."""
        save_weights(self.weights, folder / WEIGHTS)
        save_file({name: t.contiguous() for name, t in self.optimizer.items()}, folder / OPTIMIZER)
        (folder / RNG).write_text(json.dumps(self.rng) + "\n", encoding="utf-8")
        known = {
            "format": FORMAT,
            "facts": self.facts,
            "position": asdict(self.position),
            "values": self.values,
        }
        (folder / TRAINER).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        if self.left:
            write_left(self.left, folder)
        if self.learning:
            save_weights(self.learning, folder / LEARNING)

    @staticmethod
    def read(folder: Path) -> Snapshot:
        """Read a verified checkpoint; UserError where a later version wrote it."""
        known = json.loads((folder / TRAINER).read_text(encoding="utf-8"))
        if known["format"] != FORMAT:
            raise UserError(
                f"The checkpoint {folder} has format {known['format']} and this version of vlcli "
                f"reads {FORMAT}. Use the version that wrote it."
            )
        return Snapshot(
            weights=read_weights(folder / WEIGHTS),
            optimizer=load_file(folder / OPTIMIZER),
            rng=json.loads((folder / RNG).read_text(encoding="utf-8")),
            facts=known["facts"],
            position=Position(**known["position"]),
            values=known["values"],
            left=read_left(folder),
            learning=read_weights(folder / LEARNING) if (folder / LEARNING).is_file() else {},
        )


def optimizer_state(
    optimizer: Optimizer, model: nn.Module
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state by parameter name: tensors (whole, where sharded), and what is not a tensor."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    tensors: dict[str, Tensor] = {}
    rest: dict[str, Any] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for key, value in optimizer.state.get(parameter, {}).items():
                place = f"{names[id(parameter)]}/{key}"
                if isinstance(value, Tensor):
                    tensors[place] = whole(value)
                else:
                    rest[place] = value
    return tensors, rest


def load_optimizer_state(
    optimizer: Optimizer,
    model: nn.Module,
    tensors: dict[str, Tensor],
    rest: dict[str, Any],
    source: Path,
) -> None:
    """Take back what `optimizer_state` gave; UserError where it speaks of other parameters.

    Rates, decays and their like stay those of the running spec.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    index: dict[str, int] = {}
    parameters: list[Tensor] = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            index[names[id(parameter)]] = len(parameters)
            parameters.append(parameter)
    state: dict[int, dict[str, Any]] = {}
    for place, value in {**tensors, **rest}.items():
        name, key = place.rsplit("/", 1)
        if name not in index:
            raise UserError(
                f"The checkpoint {source} was training {name}, which is frozen or absent in this "
                "run. Resume with the spec it was made with."
            )
        number = index[name]
        if isinstance(value, Tensor) and value.shape == parameters[number].shape:
            value = like(value, parameters[number])
        state.setdefault(number, {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
