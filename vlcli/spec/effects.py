"""Keys that the user wrote and that nothing in this run reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import facts
from .fields import Argument, Need
from .rules import Finding, listed
from .run import InDoubt, Run


def without_effect(run: Run, fields: Mapping[str, Argument]) -> Iterator[tuple[Need, Finding]]:
    """One finding per missing need, over all written keys that have it.

    Judged from what was written, not from defaults; a switch written in its off position asks for
    nothing, so nothing is ignored.
    """
    idle: dict[int, tuple[Need, list[str]]] = {}
    apart: list[tuple[Need, Finding]] = []
    for key in run.written:
        field = fields[key]
        if key in run.in_doubt or _is_off(run, key, field):
            continue
        need = need_of(run, field)
        if need:
            idle.setdefault(id(need), (need, []))[1].append(key)
        else:
            apart += _of_tasks(run, key, field)
    for need, keys in idle.values():
        several = len(keys) > 1
        message = (
            f"{listed(keys)} {'have' if several else 'has'} no effect: "
            f"{'they are' if several else 'it is'} read only {need.when}."
            if need.keys
            else f"{listed(keys)} {'have' if several else 'has'} no effect: "
            f"{'they are' if several else 'it is'} read {need.when}."
        )
        yield need, Finding(tuple(keys), message, need.fix.format(it="them" if several else "it"))
    yield from apart


def _of_tasks(run: Run, key: str, field: Argument) -> Iterator[tuple[Need, Finding]]:
    """Of an object by task, the values that its tasks do not read."""
    try:
        trained = [task for task in run.named(key) if task in facts.trained_tasks(run)]
    except InDoubt:
        return
    for need in field.needs:
        others = [task for task in trained if need.reads and not need.reads(task)]
        if others:
            message = f"{key} has no effect for {listed(others)}: it is read only {need.when}."
            yield need, Finding((key,), message, f"Remove {listed(others)} from {key}.")
            return


def need_of(run: Run, field: Argument) -> Need | None:
    """The first need of a field that this run does not meet; None where the field has an effect."""
    for need in field.needs:
        try:
            if not need.holds(run):
                return need
        except InDoubt:
            return None
    return None


def _is_off(run: Run, key: str, field: Argument) -> bool:
    value = run.values[key]
    return bool((not value or value == -1) and value == field.default)
