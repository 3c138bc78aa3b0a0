"""Where a reader of a shell script stands: the open blocks, the open command, and if they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from vlcli.spec.shell.parts import Word
from vlcli.spec.shell.values import Value


class Live(IntEnum):
    """Whether a command runs; what stands inside something takes the larger of both."""

    YES = 0
    UNSURE = 1
    NO = 2


@dataclass(slots=True)
class Block:
    """An `if`, a loop, a group or a `case` that is open; `decided` once an arm of an `if` ran."""

    opener: str
    closer: str
    line: int
    outer: Live
    live: Live
    in_condition: bool = False
    decided: bool = False
    unsure: bool = False
    saved: tuple[list[str], dict[str, Value]] | None = None  # of a subshell

    @property
    def next_arm(self) -> Live:
        here = Live.NO if self.decided else Live.UNSURE if self.unsure else Live.YES
        return max(self.outer, here)


@dataclass(slots=True)
class Line:
    """The command being put together, and the `&&`, `||` or `|` that it hangs on."""

    words: list[Word] = field(default_factory=list)
    live: Live = Live.YES
    piped: bool = False
    awaited: bool = False  # after `&&`: the command may follow on the next line
    negated: bool = False
