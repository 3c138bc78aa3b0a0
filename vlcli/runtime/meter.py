"""Adds up what updates report, and turns it into means and speeds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from vlcli.runtime.distributed import gather
from vlcli.runtime.update import Report


class Meter:
    """Adds up reports between two log lines."""

    def __init__(self) -> None:
        self.began = self.since = time.monotonic()
        self.updates = 0
        self.waited_before = 0.0
        self._clear()

    def _clear(self) -> None:
        self.loss_sum = self.count = 0.0
        self.examples = 0
        self.waited = 0.0
        self.norm = 0.0
        self.logged: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, report: Report) -> None:
        """One more update."""
        self.updates += 1
        self.loss_sum += report.loss_sum
        self.count += report.counted
        self.examples += report.examples
        self.norm = report.norm
        for name, (value, count) in report.logged.items():
            if name in self.logged:
                value, count = value + self.logged[name][0], count + self.logged[name][1]
            self.logged[name] = (value, count)

    @property
    def loss(self) -> float:
        return self.loss_sum / self.count if self.count else 0.0

    @property
    def rate(self) -> float:
        """Examples per second since the last log line."""
        return self.examples / max(1e-9, time.monotonic() - self.since)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around asking for a batch until it is there."""
        began = time.monotonic()
        yield
        self.waited += time.monotonic() - began

    @property
    def waited_share(self) -> float:
        """The share in [0, 1] of all training time that this process has waited for data."""
        waited = self.waited_before + self.waited
        return waited / max(1e-9, time.monotonic() - self.began)

    def pause(self, seconds: float) -> None:
        """Leave out time that was not spent training (validation, checkpoints)."""
        self.since += seconds
        self.began += seconds

    def seconds_left(self, updates: int) -> float:
        """For that many more updates at the speed so far."""
        return (time.monotonic() - self.began) / max(1, self.updates) * updates

    def read(self) -> dict[str, float]:
        """The means since the last reading; a call for all processes. Starts anew."""
        own = {name: (float(value), float(count)) for name, (value, count) in self.logged.items()}
        means: dict[str, float] = {"loss": self.loss}
        everyone = gather(own)
        for name in sorted({name for each in everyone for name in each}):
            parts = [each[name] for each in everyone if name in each]
            count = sum(count for _, count in parts)
            means[name] = sum(value for value, _ in parts) / count if count else 0.0
        passed = max(1e-9, time.monotonic() - self.since)
        means |= {"grad_norm": self.norm, "examples_per_second": self.rate}
        means["data_wait_percent"] = 100 * self.waited / passed
        self.waited_before += self.waited
        self._clear()
        self.since = time.monotonic()
        return means
