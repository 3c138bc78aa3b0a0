"""What a run tells of itself: to a screen, to metrics.jsonl, and to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from vlcli.runtime.engine import Engine
from vlcli.runtime.journal import Journal
from vlcli.runtime.meter import Meter
from vlcli.runtime.progress import Glance, Screen, Silent
from vlcli.runtime.snapshot import Position
from vlcli.runtime.update import Report

Listener = Callable[[Mapping[str, Any]], None]


class Logging(NamedTuple):
    """Where and how often a run tells of itself. A listener is called on the first process with
    each record of metrics.jsonl."""

    every: int = 50
    screen: Screen = Silent()
    listeners: Sequence[Listener] = ()


class Teller:
    """Turns reports and scores into lines and records, on the first process only."""

    def __init__(
        self, logging: Logging, journal: Journal, engine: Engine, total: int, epochs: int
    ) -> None:
        self.logging, self.journal, self.engine = logging, journal, engine
        self.total, self.epochs = total, epochs
        self.meter = Meter()

    @contextmanager
    def running(self, position: Position) -> Iterator[None]:
        """Around the loop: the screen is up, the clock runs."""
        self.meter = Meter()
        self.logging.screen.start(self.total, position.step)
        try:
            yield
        finally:
            self.logging.screen.close()

    @contextmanager
    def not_training(self) -> Iterator[None]:
        """Around validation and saving: their time counts in no rate."""
        began = time.monotonic()
        yield
        self.meter.pause(time.monotonic() - began)

    def resumed(self, position: Position, refused: Sequence[str]) -> None:
        """A run goes on from here; `refused` says what is wrong with newer checkpoints."""
        if self.engine.main:
            self.journal.rewind(position.step)
        for sentence in refused:
            self.logging.screen.say(f"{sentence} An older checkpoint is taken.")
        self.logging.screen.say(f"Resuming after step {position.step}.")

    def started_again(self) -> None:
        """The run ended before its first checkpoint, and begins anew."""
        if self.engine.main:
            self.journal.rewind(-1)
        self.logging.screen.say("There is no checkpoint yet: starting from the beginning.")

    def update(self, position: Position, report: Report, lr: float) -> None:
        """One more update was made, with rate `lr`; a call for all processes."""
        self.meter.add(report)
        every = self.logging.every
        logging = position.step % every == 0 or position.step == self.total
        glance = Glance(
            step=position.step,
            total=self.total,
            epoch=position.epoch + 1,
            epochs=self.epochs,
            loss=self.meter.loss if logging else report.loss,
            lr=lr,
            examples_per_second=self.meter.rate,
            seconds_left=self.meter.seconds_left(self.total - position.step),
            memory=self.engine.memory,
        )
        self.logging.screen.step(glance, logging)
        if logging:
            facts = {"step": glance.step, "epoch": glance.epoch, "lr": lr, "memory": glance.memory}
            self._tell({"kind": "train", **facts, **self.meter.read()})

    def scores(self, position: Position, scores: Mapping[str, float], best: bool) -> None:
        """A validation is done; before the first update it is the untrained model's."""
        if not scores:
            return
        when = f"epoch {position.epoch}" if position.step else "before training"
        words = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        self.logging.screen.say(f"{when}: {words}{'  (best so far)' if best else ''}")
        facts = {"step": position.step, "epoch": position.epoch, "best": best}
        self._tell({"kind": "valid", **facts, "scores": scores})

    def _tell(self, record: Mapping[str, Any]) -> None:
        if self.engine.main:
            self.journal.write(record)
            for listener in self.logging.listeners:
                listener(record)
