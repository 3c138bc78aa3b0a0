"""One bad spec for one rule: what it must say, where, and that its fix mends it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    """`spec` breaks `code`; `at` is (line, column) of the problem, `places` the dotted paths of the
    other keys it names; `mended` is the same spec after following `fix`: the code is gone and the
    spec has no errors."""

    code: str
    severity: str
    spec: str
    message: str
    fix: str
    at: tuple[int, int]
    path: str
    mended: str
    places: tuple[str, ...] = field(default=())
