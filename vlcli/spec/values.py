"""Each value against its own type and range: all faults at once, in sentences."""

from __future__ import annotations

import json
import math
import re
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from .entries import nearest
from .fields import Argument, Spec, Unsettled, arguments, expected
from .problem import KeyPath, dotted
from .rules import Finding
from .run import ByTask

REST = ""  # in an object by task: what tasks without a value of their own get


class Fault(NamedTuple):
    """A value that its field refuses; `path` leads into lists and objects."""

    code: str
    path: KeyPath
    finding: Finding


def check_values(spec: type[Spec], values: dict[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """All fields of `spec` with `values` over the defaults, and what is wrong with single values.

    A value at fault is left out of the result: its default stands in.
    """
    fields = arguments(spec)
    objects = {k: v for k, v in values.items() if fields[k].by_task and isinstance(v, dict)}
    plain = {key: value for key, value in values.items() if key not in objects}
    defaults = {key: each[REST] for key, each in objects.items() if REST in each}
    held, faults = _check_plain(spec, fields, {**plain, **defaults})
    for key, each in objects.items():
        members: dict[str, Any] = {}
        for task, value in each.items():
            if task != REST:
                found, wrong = _check_plain(spec, fields, {key: value})
                faults += [_of_task(task, fault) for fault in wrong]
                members |= {} if wrong else {task: found[key]}
        held[key] = ByTask(held[key], members)
    return held, faults


def _of_task(task: str, fault: Fault) -> Fault:
    """A fault of what an object by task holds."""
    key, *inner = fault.path
    message = fault.finding.message.replace(str(key), f"{key}.{task}", 1)
    return Fault(fault.code, (key, task, *inner), fault.finding._replace(message=message))


def _check_plain(
    spec: type[Spec], fields: Mapping[str, Argument], values: dict[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    values = _whole_numbers(fields, values)
    try:
        settled = {key: fields[key].settle(value) for key, value in values.items()}
    except Unsettled:
        return _by_pydantic(spec, fields, values)
    return {key: settled.get(key, field.default) for key, field in fields.items()}, []


def _by_pydantic(
    spec: type[Spec], fields: Mapping[str, Argument], values: dict[str, Any]
) -> tuple[dict[str, Any], list[Fault]]:
    from pydantic import ValidationError  # a third of the start-up time: faults alone pay for it

    from .model import model_of

    model = model_of(spec)
    try:
        return dict(model.model_validate(values)), []
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults: dict[str, Fault] = {}
    for each in found:
        key = str(each["loc"][0]) if each["loc"] else ""
        if key not in faults and key in values:
            faults[key] = _fault(key, values[key], each, fields[key])
    kept = {key: value for key, value in values.items() if key not in faults}
    return dict(model.model_validate(kept)), list(faults.values())


def _whole_numbers(fields: Mapping[str, Argument], values: dict[str, Any]) -> dict[str, Any]:
    """1e3 and 12.0 are whole numbers where a whole number is wanted."""
    return {
        key: int(value)
        if isinstance(value, float)
        and value.is_integer()
        and fields[key].annotation in (int, int | None)
        else value
        for key, value in values.items()
    }


def _fault(key: str, value: Any, error: Any, field: Argument) -> Fault:
    inner = tuple(step for step in error["loc"][1:] if isinstance(step, int | str))
    path: KeyPath = (key, *inner) if _leads(value, inner) else (key,)
    wrong_type = error["type"].endswith(("_type", "_parsing")) or error["type"] == "int_from_float"
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
    else:
        wanted = _expected_inside(field) if len(path) > 1 else expected(field)
        message = f"{dotted(path)} is {shown(_at(value, path[1:]))}; it must be {wanted}."
    code = "V1" if wrong_type else field.code
    return Fault(code, path, Finding((key,), message, _fix(key, value, field)))


def _leads(value: Any, steps: KeyPath) -> bool:
    try:
        _at(value, steps)
    except (KeyError, IndexError, TypeError):
        return False
    return isinstance(value, list | dict) and bool(steps)


def _at(value: Any, steps: KeyPath) -> Any:
    for step in steps:
        value = value[step]
    return value


def _fix(key: str, value: Any, field: Argument) -> str:
    if isinstance(value, str):
        bare = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false"}.get(
            value.strip().lower()
        )
        if bare and field.annotation is bool:
            return f"Write {key}: {bare}{', without quotes' * (value == bare)}."
        if field.annotation in (int, float, int | None) and _is_number(value):
            return f"Write {key}: {value.strip()}, without quotes."
        choices = [each for each in _choices(field) if isinstance(each, str)]
        near = nearest(value, choices, 1)
        if near:
            return f'Did you mean "{near[0]}"?'
    if value is None:
        return "Remove the key, or give it a value."
    default = field.default
    if default in (None, (), ""):
        return "Mend the value, or remove the key."
    return f"Mend the value; the default is {shown(default)}."


def _choices(field: Argument) -> tuple[Any, ...]:
    found: list[Any] = []
    for member in (field.annotation, *typing.get_args(field.annotation)):
        if typing.get_origin(member) is typing.Literal:
            found += typing.get_args(member)
    if not found and field.annotation is str:
        found = [each.strip('"') for each in field.expects.replace(" or ", ", ").split(", ")]
    return tuple(found)


def _is_number(text: str) -> bool:
    """Whether a text is a finite number as JSON5 writes them."""
    plain = re.fullmatch(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", text)
    return plain is not None and math.isfinite(float(text))


def _expected_inside(field: Argument) -> str:
    """The allowed values of one member of a list."""
    members = set(typing.get_args(field.annotation)) - {...}
    return {frozenset({int}): "a whole number", frozenset({str}): "a text"}.get(
        frozenset(members), "a value of its type"
    )


def shown(value: Any) -> str:
    """A value as it stands in a spec, cut to 60 characters."""
    text = shown_whole(value)
    return text if len(text) <= 60 else text[:57] + "..."


def shown_whole(value: Any) -> str:
    """A value as it stands in a spec."""
    if isinstance(value, tuple):
        value = list(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return printable(text)


def printable(text: str) -> str:
    """A text without control characters: a terminal would obey them."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
