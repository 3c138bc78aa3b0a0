"""`--set key=value`: single values of a spec given on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .problem import Problem
from .source import read_text
from .values import printable

SHOWN = 100  # characters of a `--set` in its origin


class Override(NamedTuple):
    """One `--set`: the keys it walks, the value, and the text as typed (its origin)."""

    path: tuple[str, ...]
    value: Any
    origin: str


def read_overrides(texts: Iterable[str]) -> tuple[list[Override], list[Problem]]:
    """Read `key=value` texts; a value is JSON5, and what is none is a text (`backbone=t5-base`).

    `key.inner=value` reaches into an object. The last of several for one key wins.
    """
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        origin = f"--set {_short(text)}"
        key, equals, value = text.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            problems.append(
                Problem(
                    "K4",
                    "error",
                    f'"{_short(text)}" is not of the form key=value.',
                    "Write for example --set lr=3e-4.",
                    path=key.strip(),
                    origin=origin,
                )
            )
            continue
        overrides.append(Override(path, _value(value), origin))
    return overrides, problems


def _short(text: str) -> str:
    shown = printable(text[: SHOWN + 1])
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def _value(text: str) -> Any:
    """The JSON5 value of `text`, or `text` itself: most values of a spec are plain words."""
    source = read_text("{value:" + text + "\n}", "--set")
    if source.problems or set(source.values) != {"value"}:
        return text
    return source.values["value"]


def apply(values: dict[str, Any], override: Override) -> None:
    """Put one override into `values`; what stands in its way is replaced."""
    *walk, last = override.path
    here = values
    for step in walk:
        inner = here.get(step)
        here[step] = here = dict(inner) if isinstance(inner, dict) else {}
    here[last] = override.value
