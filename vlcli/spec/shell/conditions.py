"""Decides `[ ... ]` and `[[ ... ]]` where reading alone can: True, False, or None for neither."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence

from vlcli.spec.shell.values import Field, int_of

_OF_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-lt": operator.lt,
    "-le": operator.le,
    "-gt": operator.gt,
    "-ge": operator.ge,
}
_OF_TEXTS = ("=", "==", "!=")


def decide(fields: Sequence[Field], double: bool) -> bool | None:
    """The truth of what stands between the brackets; `double` for `[[ ... ]]`.

    A variable without a value counts as empty, as in a shell.
    """
    either, both = ("||", "&&") if double else ("-o", "-a")
    if not double:
        fields = [field for field in fields if field.handed_over]
    if any(field.text in ("(", ")") for field in fields):
        return None
    return _any(_all(_single(one) for one in _cut(side, both)) for side in _cut(fields, either))


def _cut(fields: Sequence[Field], at: str) -> list[Sequence[Field]]:
    sides: list[Sequence[Field]] = []
    start = 0
    for index, field in enumerate(fields):
        if field.text == at:
            sides.append(fields[start:index])
            start = index + 1
    return [*sides, fields[start:]]


def _all(truths: Iterable[bool | None]) -> bool | None:
    found = set(truths)
    return False if False in found else None if None in found else True


def _any(truths: Iterable[bool | None]) -> bool | None:
    found = set(truths)
    return True if True in found else None if None in found else False


def _single(fields: Sequence[Field]) -> bool | None:
    """One test without `and` and `or`."""
    start = 0
    while start < len(fields) and fields[start].text == "!":
        start += 1
    truth = _plain(fields[start:])
    return truth if truth is None or start % 2 == 0 else not truth


def _plain(fields: Sequence[Field]) -> bool | None:
    if any(field.unknown for field in fields):
        return None
    texts = [field.text for field in fields]
    if len(texts) <= 1:
        return bool(texts and texts[0])
    if len(texts) == 2:
        if texts[0] in ("-n", "-z"):
            return (texts[0] == "-n") == bool(texts[1])
        # `[ $model == t5 ]` with an empty model: a shell complains and takes it as false.
        return False if texts[0] in _OF_TEXTS or texts[0] in _OF_NUMBERS else None
    if len(texts) != 3 or fields[2].pattern:
        return None
    left, comparison, right = texts
    if comparison in _OF_TEXTS:
        return (left == right) != (comparison == "!=")
    numbers = int_of(left.strip()), int_of(right.strip())
    if comparison not in _OF_NUMBERS or numbers[0] is None or numbers[1] is None:
        return None
    return _OF_NUMBERS[comparison](numbers[0], numbers[1])
