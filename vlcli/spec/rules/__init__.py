"""What cannot be combined: one file per group of rules; this one says what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..problem import Severity
from ..run import InDoubt, Run


class Finding(NamedTuple):
    """What one rule found: the keys it is about (those written decide the place), and sentences.

    `severity` overrides the rule's own where one condition is worse than another.
    """

    keys: tuple[str, ...]
    message: str
    fix: str
    severity: Severity | None = None


class Rule(NamedTuple):
    """A combination that cannot work (error) or does not do what it seems to (warning).

    `keys` are the keys that the rule touches; `check` yields findings and reads nothing but the
    run. `story` is what `vlcli explain CODE` tells.
    """

    code: str
    severity: Severity
    title: str
    keys: tuple[str, ...]
    story: str
    check: Callable[[Run], Iterable[Finding]]

    def findings(self, run: Run) -> list[Finding]:
        """What is found; nothing where a key that the rule reads is itself in doubt."""
        try:
            return list(self.check(run))
        except InDoubt:
            return []


Check = Callable[[Run], Iterator[Finding]]


def rule(
    rules: list[Rule], code: str, severity: Severity, title: str, keys: str
) -> Callable[[Check], Check]:
    """Put a generator of findings into `rules`; its docstring is the rule's long story."""

    def enter(check: Check) -> Check:
        story = " ".join((check.__doc__ or "").split())
        rules.append(Rule(code, severity, title, tuple(keys.split()), story, check))
        return check

    return enter


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`."""
    parts = list(words)
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
