"""One loop for every architecture: fetch, lose, step, tell."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from vlcli.contracts import Architecture, Batch
from vlcli.runtime import distributed, seeds
from vlcli.runtime.average import Average
from vlcli.runtime.checkpoint import Checkpoints
from vlcli.runtime.engine import Engine
from vlcli.runtime.interrupt import Interrupt
from vlcli.runtime.journal import Journal
from vlcli.runtime.keeper import Keeper
from vlcli.runtime.optimizer import build_optimizer
from vlcli.runtime.schedule import Schedule
from vlcli.runtime.snapshot import Position
from vlcli.runtime.telling import Logging, Teller
from vlcli.runtime.update import Report, Updates
from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.problem import UserError

Scores = dict[str, float]


class Batches(Protocol):
    """The training data of one process. Order and random choices follow from the epoch's number,
    not from the global generators, so that a run can be resumed anywhere."""

    def __len__(self) -> int:
        """Batches per epoch; the same on all processes."""
        ...

    def epoch(self, number: int, start: int) -> Iterable[Batch]:
        """The batches of one epoch (from 0) from batch `start` on."""
        ...


class Result(NamedTuple):
    """How a run ended; `stopped` says that somebody asked it to, before its end. `scores` are the
    last validation's, `waited` the share of training time that went into waiting for data."""

    best_score: float | None
    best_step: int
    steps: int
    seconds: float
    stopped: bool
    scores: Scores
    waited: float


class Saving(NamedTuple):
    """When checkpoints are written: after each validation, and each `every` updates where that is
    above 0. The `keep` newest and the best stay. `whole` ones hold frozen weights, too."""

    every: int = 0
    keep: int = 1
    whole: bool = False


class Trainer:
    """Trains an architecture on batches, and keeps the best by a score of `validate`.

    It knows the Architecture contract and `validate() -> scores`, no task and no model.
    `validate` is called on all processes, in eval mode without gradients; the first process's
    answer counts. `best` names the score that chooses, larger is better; without `validate` the
    last checkpoint is the best. `max_steps` ends the run, and its schedule, early.
    """

    def __init__(
        self,
        architecture: Architecture,
        batches: Batches,
        engine: Engine,
        training: TrainingArgs,
        *,
        folder: Path,
        seed: int,
        validate: Callable[[], Scores] | None = None,
        best: str = "",
        max_steps: int | None = None,
        logging: Logging | None = None,
        saving: Saving | None = None,
    ) -> None:
        self.architecture, self.batches, self.engine = architecture, batches, engine
        self.training, self.seed, self.validate, self.best = training, seed, validate, best
        self.saving = saving or Saving()
        self.position = Position()
        self.total = self._updates(max_steps)
        journal = Journal(folder / "metrics.jsonl")
        self.teller = Teller(logging or Logging(), journal, engine, self.total, training.epochs)
        self.optimizer = build_optimizer(training, architecture.param_groups(training.weight_decay))
        self.schedule = Schedule(training, self.total)
        self.model, self.stepped = engine.prepare(architecture, self.optimizer)
        self.average = self._averages()
        self.updates = Updates(
            engine, architecture, self.model, self.stepped, training.clip_grad_norm
        )
        self.keeper = Keeper(
            Checkpoints(folder / "checkpoints"),
            engine,
            architecture,
            self.model,
            self.optimizer,
            {
                "processes": engine.world,
                "batches per epoch": len(batches),
                "gradient accumulation steps": training.gradient_accumulation_steps,
                "moving average": f"a {training.model_ema_decay:g}" if self.average else "no",
            },
            self.saving.keep,
            self.saving.whole,
            self.average,
        )

    def _averages(self) -> Average | None:
        """The moving average of the weights, where the run keeps one."""
        if not self.training.model_ema:
            return None
        if self.engine.sharded or self.engine.deepspeed:
            raise UserError(
                "model_ema averages whole weights, and here each process holds a part of them. "
                "Remove it, or launch without sharding.",
                exit_code=3,
            )
        return Average(self.architecture, self.training.model_ema_decay)

    def _updates(self, max_steps: int | None) -> int:
        """Updates of the whole run; the last window of an epoch may be shorter than the others."""
        lengths = distributed.gather(len(self.batches))
        if len(set(lengths)) > 1:
            raise RuntimeError(f"the processes have {lengths} training batches; they must agree")
        if not lengths[0] and self.training.epochs:
            raise UserError("There is nothing to train on: the training set is empty.")
        windows = math.ceil(lengths[0] / self.training.gradient_accumulation_steps)
        updates = windows * self.training.epochs
        return updates if max_steps is None else min(updates, max_steps)

    def resume(self, path: Path | None = None) -> None:
        """Take up a checkpoint folder; None takes the newest whole one of this run's folder.

        On the CPU the run continues to the weights of one that never stopped, bit by bit.
        """
        self.position, rng, refused = self.keeper.load(path)
        self.teller.resumed(self.position, refused)
        seeds.set_rng_state(rng[self.engine.rank])

    def start_again(self) -> None:
        """Begin once more with a run that ended before its first checkpoint."""
        self.teller.started_again()

    def load_best(self) -> Path:
        """Put the best checkpoint's weights into the architecture; the checkpoint's folder."""
        return self.keeper.load_best()

    def evaluate(self) -> Scores:
        """The scores of `validate` as the model stands, or with its averaged weights."""
        if self.validate is None:
            return {}
        average = self.average.worn() if self.average else nullcontext()
        with average, self.engine.evaluating(self.architecture):
            scores = {name: float(value) for name, value in self.validate().items()}
        return distributed.from_first(scores)

    def train(self) -> Result:
        """Run to the end, or until SIGINT or SIGTERM ask to stop (with a checkpoint).

        Raises UserError where loss or gradient is not finite, or a checkpoint cannot be written.
        """
        began = time.monotonic()
        with self.teller.running(self.position), Interrupt(self.engine.main) as interrupt:
            stopped = self._epochs(interrupt)
        now = self.position
        seconds = time.monotonic() - began
        waited = self.teller.meter.waited_share
        return Result(now.best_score, now.best_step, now.step, seconds, stopped, now.scores, waited)

    def _epochs(self, interrupt: Interrupt) -> bool:
        """All epochs that are left; whether the run was asked to stop."""
        if self.training.dry and self.position.step == 0:
            self.teller.scores(self.position, self.evaluate(), best=False)
        while not self._finished():
            if self._steps(interrupt):
                self.keeper.save(self.position, best=False)
                return True
            self._end_epoch()
            if any(distributed.gather(interrupt.asked)):
                return True
        return False

    def _finished(self) -> bool:
        now, patience = self.position, self.training.early_stopping
        tired = patience > 0 and now.waited >= patience
        return now.step >= self.total or now.epoch >= self.training.epochs or tired

    def _steps(self, interrupt: Interrupt) -> bool:
        """The updates that are left of this epoch; whether the run was asked to stop."""
        now = self.position
        self.model.train()
        batches = iter(self.batches.epoch(now.epoch, now.batch))
        while now.batch < len(self.batches) and now.step < self.total:
            with self.teller.meter.waiting():
                window = list(islice(batches, self.training.gradient_accumulation_steps))
            if not window:
                raise RuntimeError(f"epoch {now.epoch} ended at batch {now.batch}")
            report = self._step(window, interrupt.asked)
            if report.stop:
                return True
            more = now.batch < len(self.batches) and now.step < self.total
            if more and self.saving.every and now.step % self.saving.every == 0:
                self.keeper.save(now, best=False)
        return False

    def _step(self, window: Sequence[Batch], stop: bool) -> Report:
        now = self.position
        seeds.seed_update(self.seed, self.engine.rank, now.step)
        self.schedule.set(self.stepped, now.step)
        lr = float(self.stepped.param_groups[0]["lr"])
        report = self.updates.make(window, now.step + 1, stop)
        self.stepped.zero_grad(set_to_none=True)
        self.architecture.after_step()
        if self.average is not None:
            self.average.update()
        now.step += 1
        now.batch += len(window)
        self.teller.update(now, report, lr)
        return report

    def _end_epoch(self) -> None:
        """Validate, remember the best, write a checkpoint."""
        now = self.position
        if now.batch >= len(self.batches):
            now.epoch, now.batch = now.epoch + 1, 0
        with self.teller.not_training():
            now.scores = self.evaluate()
            best = self._is_best(now.scores)
            self.teller.scores(now, now.scores, best)
            self.keeper.save(now, best)

    def _is_best(self, scores: Scores) -> bool:
        """Whether these scores are the best so far; remembered if so."""
        now = self.position
        score = scores[self.best] if self.validate else None
        best = score is None or (
            not math.isnan(score) and (now.best_score is None or score > now.best_score)
        )
        now.waited = 0 if best else now.waited + 1
        if best:
            now.best_score, now.best_step = score, now.step
        return best
