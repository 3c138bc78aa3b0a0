"""What a person sees of a run: a bar on a terminal, lines elsewhere, nothing on other ranks."""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class Glance(NamedTuple):
    """A run at one moment; `memory` in bytes, `seconds_left` an estimate."""

    step: int
    total: int
    epoch: int
    epochs: int
    loss: float
    lr: float
    examples_per_second: float
    seconds_left: float
    memory: int


class Screen(Protocol):
    """Where a run is shown."""

    def start(self, total: int, done: int) -> None: ...

    def step(self, glance: Glance, logging: bool) -> None: ...

    def say(self, sentence: str) -> None: ...

    def close(self) -> None: ...


class Silent:
    """Shows nothing."""

    def start(self, total: int, done: int) -> None: ...

    def step(self, glance: Glance, logging: bool) -> None: ...

    def say(self, sentence: str) -> None: ...

    def close(self) -> None: ...


class Lines(Silent):
    """One plain line per log interval."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, glance: Glance, logging: bool) -> None:
        if logging:
            self.say(
                f"step {glance.step}/{glance.total}  epoch {glance.epoch}/{glance.epochs}  "
                + figures(glance)
                + f"  {clock(glance.seconds_left)} left"
            )

    def say(self, sentence: str) -> None:
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)


class Bar(Lines):
    """A rich progress bar, with sentences above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.bar = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
        )

    def start(self, total: int, done: int) -> None:
        self.task = self.bar.add_task("", total=total, completed=done, epoch="", figures="")
        self.bar.start()

    def step(self, glance: Glance, logging: bool) -> None:
        self.bar.update(
            self.task,
            completed=glance.step,
            epoch=f"epoch {glance.epoch}/{glance.epochs}",
            figures=figures(glance),
        )

    def close(self) -> None:
        self.bar.stop()


class Count:
    """How far a count of pictures is: a bar on a terminal, elsewhere a line every ten seconds."""

    EVERY = 10.0

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
        )
        self.task: TaskID | None = None
        self.first = 0
        self.began = self.last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.bar.stop()

    def tell(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self.task is None:
            self.task = self.bar.add_task("", total=total)
            self.first, self.began, self.last = done, now, now
            if self.console.is_terminal:
                self.bar.start()
        self.bar.update(self.task, completed=done)
        if not self.console.is_terminal and now - self.last >= self.EVERY:
            self.last = now
            left = (total - done) * (now - self.began) / max(1, done - self.first)
            self.console.print(
                f"{done:,}/{total:,} pictures  {clock(left)} left", highlight=False, soft_wrap=True
            )


def screen_for(main: bool, console: Console) -> Screen:
    """A bar on a terminal, lines elsewhere; processes other than the first show nothing."""
    if not main:
        return Silent()
    return Bar(console) if console.is_terminal else Lines(console)


def figures(glance: Glance) -> str:
    """`loss 2.310  lr 9.5e-05  812 examples/s  412 MB`."""
    return (
        f"loss {glance.loss:.4g}  lr {glance.lr:.2e}  "
        f"{glance.examples_per_second:.0f} examples/s  {glance.memory / 1e6:.0f} MB"
    )


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
