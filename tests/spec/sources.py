"""What tests say of a read source."""

from __future__ import annotations

from typing import Any

from vlcli.spec.problem import Place
from vlcli.spec.source import Source, read_text


def read(text: str) -> Source:
    return read_text(text, "run.json5")


def told(source: Source) -> list[tuple[Any, ...]]:
    """Each problem as (code, line, column, length, path, message, fix)."""
    return [
        (p.code, *_numbers(p.place), p.path, p.message, p.fix)
        for p in source.problems
        if p.severity == "error" and p.origin == "file"
    ]


def _numbers(place: Place | None) -> tuple[int, int, int]:
    return (place.line, place.column, place.length) if place else (0, 0, 0)
