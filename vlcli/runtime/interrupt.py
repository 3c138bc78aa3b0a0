"""A polite stop: after the first SIGINT or SIGTERM the update ends and a checkpoint is written."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

ECHO = 0.5  # seconds: torchrun hands a Ctrl-C on to processes that the terminal has told already
HEARD = b"\nStopping after this step, with a checkpoint. Ctrl-C again leaves at once.\n"


class Interrupt:
    """While entered, `asked` says whether a stop was asked for. A second SIGINT interrupts at once.

    Handlers are set in the main thread only (Python allows no other) and put back at the end.
    With `aloud` the first signal is answered on stderr.
    """

    def __init__(self, aloud: bool = False) -> None:
        self.asked, self.aloud = False, aloud
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._since = True, time.monotonic()
            if self.aloud:
                with suppress(OSError):
                    os.write(2, HEARD)  # print might be what the signal has interrupted
        elif number == signal.SIGINT and time.monotonic() - self._since > ECHO:
            raise KeyboardInterrupt


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM interrupts like Ctrl-C, so that what is open is closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
