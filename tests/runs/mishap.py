"""`vlcli` with something that goes wrong at a chosen moment:

    python -m tests.runs.mishap MISHAP PLACE NUMBER train tiny.json5 ...

PLACE is "step", for the NUMBER-th optimizer step, or what happens to a file for the NUMBER-th time:
part of "open PATH" (to write), "os.mkdir PATH" or "os.rename PATH". MISHAP is what happens just
before: `kill` kills the process as `kill -9` does, `full` lets no file grow from then on, `memory`
refuses more memory, `wait` sleeps until it is woken.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

EVENTS = {"open", "os.mkdir", "os.rename"}


class Mishap:
    def __init__(self, what: str, place: str, number: int) -> None:
        self.what, self.place, self.left = what, place, number

    def hear(self, event: str, arguments: Any) -> None:
        if event in EVENTS and self.left > 0:
            reading = event == "open" and arguments[1] in ("r", "rb")
            if not reading and self.place in f"{event} {arguments[0]}":
                self.count()

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            getattr(self, self.what)()

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def full(self) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY))

    def memory(self) -> None:
        import resource

        import psutil

        now = psutil.Process().memory_info().vms
        resource.setrlimit(resource.RLIMIT_AS, (now + (8 << 20), resource.RLIM_INFINITY))

    def wait(self) -> None:
        print("waiting", file=sys.stderr, flush=True)
        time.sleep(600)


def main() -> None:
    what, place, number = sys.argv[1:4]
    mishap = Mishap(what, place, int(number))
    if place == "step":
        from vlcli.runtime.update import Updates

        made = Updates._step

        def step(self: Updates, at: int) -> None:
            mishap.count()
            made(self, at)

        Updates._step = step  # type: ignore[method-assign]
    else:
        sys.addaudithook(mishap.hear)
    sys.argv = ["vlcli", *sys.argv[4:]]
    from vlcli.__main__ import main as vlcli

    vlcli()


if __name__ == "__main__":
    main()
