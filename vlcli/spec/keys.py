"""Which key a written name is: our spelling of it, the nearest known one, or whose it is."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from pydantic.fields import FieldInfo

from .choose import Chosen
from .entries import Broken, all_of, nearest, part
from .fields import about
from .rules import Finding, listed


class Spellings:
    """The further spellings that fields allow (`use_tasks_prompt`, `wordMaskRate`)."""

    def __init__(self, fields: dict[str, FieldInfo]) -> None:
        self._ours = {also: key for key, field in fields.items() for also in about(field).also}

    def ours(self, key: str) -> str:
        return self._ours.get(key, key)

    def __iter__(self) -> Iterable[str]:  # type: ignore[override]
        return iter(self._ours)


def unknown_key(key: str, fields: dict[str, FieldInfo], chosen: Chosen) -> tuple[str, Finding]:
    """The code and finding for a key that this run's spec class does not have."""
    owners = _owners(key)
    if owners:
        kinds = listed((f"the {kind} {name}" for kind, name in owners), "and")
        mine = f"{chosen.arch} does not read it" if chosen.arch else "this run does not read it"
        finding = Finding((key,), f"{_quoted(key)} belongs to {kinds}; {mine}.", "Remove it.")
        return "K2", finding
    near = nearest(key, fields)
    if near:
        words = listed(near, "or")
        return "K1", Finding((key,), f"There is no key {_quoted(key)}.", f"Did you mean {words}?")
    fix = "Remove it; `vlcli explain` lists every key."
    return "K1", Finding((key,), f"There is no key {_quoted(key)}.", fix)


def _quoted(key: str) -> str:
    from .values import shown

    return shown(key)


@cache
def _owners(key: str) -> tuple[tuple[str, str], ...]:
    """The other architectures and tasks whose arguments hold `key`."""
    found: list[tuple[str, str]] = []
    for kind in ("arch", "task"):
        for name, each in all_of(kind).items():  # type: ignore[arg-type]
            if each.entry is None or each.fault:
                continue
            try:
                spec = part(each, "spec")
            except Broken:
                continue
            if spec is not None and key in fields_of(spec):
                found.append((kind, name))
    return tuple(found)


def fields_of(spec: type) -> set[str]:
    """The argument names of a spec class or of a group mix-in."""
    if hasattr(spec, "model_fields"):
        return set(spec.model_fields)
    return {name for base in spec.__mro__ for name in base.__dict__.get("__annotations__", {})}
