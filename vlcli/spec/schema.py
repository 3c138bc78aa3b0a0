"""The JSON Schema of a spec, made from the argument groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .entries import Broken, all_of, part
from .fields import arguments, expected, group_of
from .model import model_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMMA_LISTS = ("losses", "tasks")


def schema_of(archs: Sequence[str]) -> dict[str, Any]:
    """JSON Schema 2020-12 of the specs of `archs` (several: their union) with all plug-in tasks."""
    properties: dict[str, Any] = {"$schema": {"type": "string"}}
    for arch in archs:
        try:
            spec = part(all_of("arch")[arch], "spec")
        except Broken:
            continue
        for model in (spec, *_task_groups(spec)):
            for key, schema in _properties(model).items():
                _merge(properties, key, schema)
    names = {"arch": "arch", "task": "task"}
    for key, kind in names.items():
        if key in properties:
            known = list(archs) if kind == "arch" else list(all_of("task"))
            properties[key]["anyOf"] = [{"enum": known}, {"type": "null"}]
    return {
        "$schema": DIALECT,
        "title": "vlcli run spec" + (f" ({archs[0]})" if len(archs) == 1 else ""),
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _task_groups(spec: type) -> list[type]:
    from .choose import with_groups

    groups: list[type] = []
    for found in all_of("task").values():
        try:
            group = part(found, "spec") if found.entry else None
        except Broken:
            continue
        if group is not None and not issubclass(spec, group):
            groups.append(with_groups(spec, (group,)))
    return groups


def _merge(properties: dict[str, Any], key: str, schema: dict[str, Any]) -> None:
    """Put a key's schema beside those of other architectures that have the same key."""
    known = properties.setdefault(key, schema)
    if known != schema:
        choices = known.get("anyOf", [known]) if "x-several" in known else [known]
        if schema not in choices:
            properties[key] = {"anyOf": [*choices, schema], "x-several": True}


def _properties(spec: type) -> dict[str, Any]:
    whole = model_of(spec).model_json_schema()
    found: dict[str, Any] = {}
    for key, schema in whole["properties"].items():
        field = arguments(spec)[key]
        schema.pop("title", None)
        schema = _widened(key, schema)
        schema = _or_by_task(schema) if field.by_task else schema
        group = (group_of(spec, key).__doc__ or "").strip().splitlines()[0]
        schema["markdownDescription"] = f"{field.description}\n\n*{group}*; {expected(field)}."
        found[key] = schema
        for also in field.also:
            found[also] = {
                **schema,
                "description": f"Another spelling of {key}.",
                "deprecated": True,
            }
            found[also].pop("markdownDescription")
    return found


def _widened(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Allow the further forms of a value: comma texts beside lists, one side beside two."""
    kept: dict[str, Any] = {
        name: schema.pop(name) for name in ("description", "default") if name in schema
    }
    if key in COMMA_LISTS:
        kept["default"] = list(kept.get("default") or ())
        return {
            **kept,
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        }
    if key == "image_size":
        pixel = {"type": "integer", "minimum": 1}
        pair = {"type": "array", "items": pixel, "minItems": 2, "maxItems": 2}
        pattern = r"^\s*[(\[]?\s*\d+\s*,\s*\d+\s*,?\s*[)\]]?\s*$"
        text = {"type": "string", "pattern": pattern}
        kept["default"] = list(kept["default"])
        return {**kept, "anyOf": [text, pair, pixel]}
    return {**kept, **schema}


def _or_by_task(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a key that also takes an object of values by task."""
    kept: dict[str, Any] = {
        key: schema.pop(key) for key in ("description", "default") if key in schema
    }
    single = schema.pop("anyOf", None) or [schema]
    return {
        **kept,
        "anyOf": [*single, {"type": "object", "additionalProperties": {"anyOf": single}}],
    }
