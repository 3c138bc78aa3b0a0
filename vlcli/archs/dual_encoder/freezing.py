"""Which parameters of two encoders train: the published rule of keywords.

A parameter begins locked or free with its tower. Keywords are walked in order: one that stands in
its name freezes it, one with ! before it trains it; the walk ends as soon as that changes nothing
more (`!` where the tower is locked, plain where it is free).
"""

from __future__ import annotations

from collections.abc import Iterable


def trains(name: str, locked: bool, keywords: Iterable[str]) -> bool:
    """Whether a parameter of a tower trains."""
    free = not locked
    for keyword in keywords:
        if keyword.startswith("!") and keyword[1:] in name:
            free = True
            if locked:
                break
        elif not keyword.startswith("!") and keyword in name:
            free = False
            if not locked:
                break
    return free


def keywords(partial: str) -> list[str]:
    return [each for each in map(str.strip, partial.split(",")) if each.strip("!")]
