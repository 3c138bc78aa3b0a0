"""What a run says, on the screen and in its log.txt."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from vlcli.runtime.progress import Glance, Screen, Silent, clock, figures


class Logged:
    """A screen whose sentences and interval lines also go to a file; without a screen, to neither.

    Appends, so that a resumed run goes on in the same log.
    """

    def __init__(self, screen: Screen | None, path: Path) -> None:
        self.screen: Screen = screen or Silent()
        self.path = path if screen is not None else None
        self.file: TextIO | None = None

    def __enter__(self) -> Logged:
        if self.path is not None:
            self.file = self.path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self._close()
            return
        with suppress(OSError):  # a full disk is what may have ended it
            self._write(f"ended by {type(error).__name__}: {error}")
        with suppress(OSError):
            self._close()

    def start(self, total: int, done: int) -> None:
        self.screen.start(total, done)

    def step(self, glance: Glance, logging: bool) -> None:
        self.screen.step(glance, logging)
        if logging:
            left = clock(glance.seconds_left)
            self._write(f"step {glance.step}/{glance.total}  {figures(glance)}  {left} left")

    def say(self, sentence: str) -> None:
        self.screen.say(sentence)
        self._write(sentence)

    def close(self) -> None:
        self.screen.close()

    def _close(self) -> None:
        if self.file is not None:
            self.file.close()

    def _write(self, line: str) -> None:
        if self.file is not None:
            self.file.write(line + "\n")
            self.file.flush()
