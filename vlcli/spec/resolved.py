"""A resolved spec as a JSON5 text that reads like one a person wrote."""

from __future__ import annotations

from typing import Any

from .catalogue import first_sentence
from .effects import need_of
from .fields import arguments, group_of
from .published import LAUNCH_KEYS
from .read import Reading
from .run import Run
from .values import shown_whole


def resolved(reading: Reading, origin: bool = False) -> str:
    """Every value under its group, with its description (or, with `origin`, where it comes from).

    What has no effect in this run stands in a comment, so that the text passes validation, and so
    do the launch keys that nobody wrote: the launcher brings them.
    """
    spec = reading.chosen.spec
    run = Run(reading.values)
    lines = [f"// {reading.source.name}, resolved", "{"]
    group: Any = None
    for key, field in arguments(spec).items():
        if group is not group_of(spec, key):
            group = group_of(spec, key)
            lines += ["", f"    // {(group.__doc__ or '').strip().splitlines()[0]}"]
        need = need_of(run, field)
        entry = f'"{key}": {shown_whole(reading.values[key])},'
        remark = first_sentence(field.description or "")
        launcher = key in LAUNCH_KEYS and reading.origins[key] == "default"
        if origin:
            remark = reading.origins[key]
        elif launcher:
            remark = "the launcher says"
        elif need:
            remark = f"no effect: read {'only ' if need.keys else ''}{need.when}"
        lines.append(f"    {'// ' * bool(need or launcher) + entry:<44}  // {remark}")
    return "\n".join([*lines, "}"])
