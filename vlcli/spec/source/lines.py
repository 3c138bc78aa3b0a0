"""The lines of a text, the report of what is wrong in it, and how a message shows pieces of it."""

from __future__ import annotations

import re
from bisect import bisect_right

from vlcli.spec.problem import KeyPath, KeyPlace, Place, Problem, dotted, in_order

MAX_PROBLEMS = 20

Span = tuple[int, int]

_LINE_END = re.compile("\r\n?|[\n\u2028\u2029]")


class Lines:
    """Where the lines of a text begin and end, by the line ends that JSON5 knows."""

    def __init__(self, text: str) -> None:
        ends = list(_LINE_END.finditer(text))
        self.text = text
        self.starts = [0, *(end.end() for end in ends)]
        self.ends = [*(end.start() for end in ends), len(text)]

    def number(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def end_from(self, at: int) -> int:
        """Where the line ends on which `at` stands."""
        return self.ends[self.number(at) - 1]

    def text_of(self, number: int) -> str:
        """The line of this number, from 1, without its end."""
        return self.text[self.starts[number - 1] : self.ends[number - 1]]

    def place(self, start: int, end: int) -> Place:
        """The stretch from `start`, as far as it lies on one line."""
        line = self.number(start)
        stretch = self.text[start : min(end, self.ends[line - 1])].rstrip()
        return Place(line, start - self.starts[line - 1] + 1, max(1, len(stretch)))


class Report:
    """The problems of one text; after the first few only that there are more."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.problems: list[Problem] = []
        self.more: tuple[Problem, ...] = ()
        self.fatal: tuple[Problem, ...] = ()

    def add(
        self,
        where: Span,
        message: str,
        fix: str,
        path: KeyPath = (),
        *,
        code: str = "S1",
        places: tuple[KeyPlace, ...] = (),
    ) -> None:
        if self.more:
            return
        place = self.lines.place(*where)
        if len(self.problems) < MAX_PROBLEMS:
            problem = Problem(code, "error", message, fix, dotted(path), place, places=places)
            self.problems.append(problem)
        else:
            message = f"There are more than {MAX_PROBLEMS} mistakes; the others are not shown."
            self.more = (Problem("S1", "error", message, "Mend these first.", place=place),)

    def refuse(self, where: Span | None, code: str, message: str, fix: str) -> None:
        """The one problem of a text that gives no values."""
        place = self.lines.place(*where) if where else None
        self.fatal = self.fatal or (Problem(code, "error", message, fix, place=place),)

    def all(self) -> tuple[Problem, ...]:
        return self.fatal or (*in_order(self.problems), *self.more)


def shown(text: str, most: int = 40) -> str:
    """User text for a message: control characters as escapes, and not more than `most`."""
    if len(text) <= most and text.isprintable():
        return text
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: most + 1])
    return escaped if len(escaped) <= most else escaped[: most - 1] + "…"


def quoted(text: str) -> str:
    return shown(text) if text[:1] in "\"'" else f'"{shown(text)}"'


def in_quotes(raw: str) -> str:
    """The fix for a text that lacks quotes."""
    simple = len(raw) <= 40 and raw.isprintable() and not set(raw) & set("\"'\\:")
    return f'Write "{raw}".' if simple else "Put it in quotes."
