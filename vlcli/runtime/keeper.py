"""Keeps a run on disk and takes it up again: what stands between the loop and its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from vlcli.contracts import Architecture
from vlcli.runtime import distributed, seeds
from vlcli.runtime.average import Average, moving
from vlcli.runtime.checkpoint import Checkpoints, verify
from vlcli.runtime.engine import Engine
from vlcli.runtime.snapshot import WEIGHTS, Position, Snapshot, load_optimizer_state
from vlcli.runtime.snapshot import optimizer_state as state_of
from vlcli.runtime.sources import Given, Left, joined, kept, read_left
from vlcli.runtime.weights import load_weights, read_weights
from vlcli.spec.problem import UserError


class Keeper:
    """Saves and loads a run. Every method is a call for all processes; the first one writes.

    `facts` are JSON values that must be the same when the run is resumed, by name. Frozen weights
    that the architecture's sources give again are left out, unless checkpoints are to be `whole`.
    With an `average` a checkpoint's weights are the averaged ones, and those that learn stand
    beside them.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        engine: Engine,
        architecture: Architecture,
        model: nn.Module,
        optimizer: Optimizer,
        facts: dict[str, Any],
        keep: int,
        whole: bool = False,
        average: Average | None = None,
    ) -> None:
        self.checkpoints, self.engine, self.keep = checkpoints, engine, keep
        self.architecture, self.model, self.optimizer = architecture, model, optimizer
        self.facts = facts
        self.given = Given.by(() if whole else architecture.sources, architecture, trained=False)
        self.left: tuple[Left, ...] | None = None
        self.average = average

    def save(self, position: Position, best: bool) -> None:
        """Write a checkpoint; UserError on all processes where the disk refuses."""
        tensors: dict[str, Tensor] = {}
        rest: dict[str, Any] = {}
        if not self.engine.deepspeed:
            tensors, rest = state_of(self.optimizer, self.architecture)
        with self.average.worn() if self.average else nullcontext():
            weights = self.engine.weights(self.model, self.architecture)
        learning = moving(self.architecture) if self.average else {}
        snapshot = Snapshot(
            weights=kept(weights, self.given),
            optimizer=tensors,
            rng=distributed.gather(seeds.rng_state()),
            facts=self.facts,
            position=position,
            values={
                "optimizer": rest,
                "scaler": self._scaler_state(),
                "extra": self.architecture.extra_state(),
                "deepspeed": self.engine.deepspeed,
            },
            left=self._left(weights),
            learning={name: value.detach() for name, value in learning.items()},
        )
        distributed.on_first(
            lambda: self.checkpoints.write(position.step, snapshot.write, best, self.keep)
        )

    def load(self, path: Path | None) -> tuple[Position, list[dict[str, Any]], list[str]]:
        """Take up a checkpoint (None: the newest whole one): how far it came, the generators'
        states by rank, and what is wrong with newer checkpoints.

        Raises UserError where it is corrupt, or of another run than this one.
        """
        path, refused = self._choose(path)
        snapshot = Snapshot.read(path)
        for name, value in snapshot.facts.items():
            if name in self.facts and self.facts[name] != value:
                raise UserError(
                    f"The checkpoint {path} has {value} {name} and this run has "
                    f"{self.facts[name]}; a run is resumed as it was started. Start a new one from "
                    f"its weights with load: {str(path)!r}.",
                    exit_code=3,
                )
        if snapshot.values["deepspeed"] or self.engine.deepspeed:
            raise UserError(
                f"{path} cannot be resumed: DeepSpeed keeps its optimizer in pickle files, which "
                f"vlcli does not read. Start a new run from its weights with load: {str(path)!r}.",
                exit_code=3,
            )
        whole = joined(snapshot.weights, snapshot.left, self.architecture, path)
        load_weights(self.architecture, whole, path)
        if self.average is not None:
            self.average.begin(snapshot.learning)
        load_optimizer_state(
            self.optimizer,
            self.architecture,
            snapshot.optimizer,
            snapshot.values["optimizer"],
            path,
        )
        if self.engine.accelerator.scaler is not None and snapshot.values["scaler"]:
            self.engine.accelerator.scaler.load_state_dict(snapshot.values["scaler"])
        self.architecture.load_extra_state(snapshot.values["extra"])
        return snapshot.position, snapshot.rng, refused

    def load_best(self) -> Path:
        """Put the best checkpoint's weights into the model; where it stands."""
        found = distributed.on_first(self.checkpoints.best)
        load_checkpoint(self.architecture, found)
        return found

    def _left(self, weights: dict[str, Tensor]) -> tuple[Left, ...]:
        """What checkpoints leave out; it never changes, so that its digest is taken once."""
        if self.left is None:
            self.left = self.given.note(weights)
        return self.left

    def _choose(self, path: Path | None) -> tuple[Path, list[str]]:
        def look() -> tuple[Path, list[str]]:
            if path is not None:
                verify(path)
                return path, []
            found, refused = self.checkpoints.newest()
            return found, [str(problem) for problem in refused]

        return distributed.on_first(look)

    def _scaler_state(self) -> dict[str, Any] | None:
        scaler = self.engine.accelerator.scaler
        return None if scaler is None else dict(scaler.state_dict())


def load_checkpoint(
    architecture: Architecture,
    folder: Path,
    may_lack: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """Put a verified checkpoint's weights into an architecture; what `load_weights` gives."""
    held, left = read_weights(folder / WEIGHTS), read_left(folder)
    return load_weights(architecture, joined(held, left, architecture, folder), folder, may_lack)
