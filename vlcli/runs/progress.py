"""How long work tells what it does."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[int, int], None]  # done, total
Say = Callable[[str], None]
Asked = Callable[[], bool]  # whether to stop after this batch


class Progress:
    """How many pictures are done: `before`, `new` ones, and bad ones."""

    def __init__(
        self, before: int, total: int, tell: Tell = lambda *_: None, say: Say = lambda _: None
    ) -> None:
        self.before, self.total, self.tell, self.say = before, total, tell, say
        self.new = self.bad = 0

    def add(self, new: int, bad: int) -> None:
        self.new, self.bad = self.new + new, self.bad + bad
        self.tell(min(self.before + self.new + self.bad, self.total), self.total)
