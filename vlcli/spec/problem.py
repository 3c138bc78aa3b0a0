"""What can be wrong with a spec, and where: the one shape that every check reports in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

Severity = Literal["error", "warning"]
KeyPath = tuple[str | int, ...]


class Place(NamedTuple):
    """A stretch of text: line and column count from 1, in characters; `length` is on that line."""

    line: int
    column: int
    length: int = 1


class KeyPlace(NamedTuple):
    """Where one key of a problem stands; `place` is absent for a key that no file holds."""

    path: str
    place: Place | None = None
    origin: str = "file"


class Problem(NamedTuple):
    """One thing to mend: what (`message`), where (`path`, `place`, `origin`) and what next (`fix`).

    `code` is stable: tests, `explain` and scripts may rely on it. Codes that begin with F speak of
    files that are missing or unreadable (exit 4); all others speak of the spec itself (exit 3).
    `origin` is "file", or names the `--set` that brought the key. A problem of several keys stands
    at the first; `places` lists the others.
    """

    code: str
    severity: Severity
    message: str
    fix: str = ""
    path: str = ""
    place: Place | None = None
    origin: str = "file"
    places: tuple[KeyPlace, ...] = ()

    @property
    def of_a_file(self) -> bool:
        return self.code.startswith("F")

    def as_json(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "fix": self.fix,
            "path": self.path,
            "line": self.place.line if self.place else None,
            "column": self.place.column if self.place else None,
            "origin": self.origin,
            "places": [
                {
                    "path": key.path,
                    "line": key.place.line if key.place else None,
                    "column": key.place.column if key.place else None,
                    "origin": key.origin,
                }
                for key in self.places
            ],
        }


class UserError(Exception):
    """What a user can cause and mend: shown as one sentence, never as a traceback.

    `exit_code` is 4 for what is missing or unreadable, 3 for what is wrong.
    """

    def __init__(self, sentence: str, exit_code: int = 4) -> None:
        self.exit_code = exit_code
        super().__init__(sentence)


class Unjudged(UserError):
    """A split without anything to judge predictions by."""


class SpecError(Exception):
    """A spec that cannot be used; `problems` says all of why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.message for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sorted by place; what has none (a `--set` key) comes last, errors before warnings."""
    far = Place(1 << 30, 0)

    def key(problem: Problem) -> tuple[int, int, bool, str]:
        place = problem.place or far
        return place.line, place.column, problem.severity == "warning", problem.code

    return sorted(problems, key=key)


def dotted(path: Iterable[str | int]) -> str:
    """A key path as people write it: `batch_size.vqa`, `tasks[1]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text
