"""What is known of keys and codes, collected for `vlcli explain`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .choose import with_groups
from .codes import CODES
from .entries import Broken, all_of, part
from .fields import Argument, Need, Spec, arguments, expected, group_of
from .rules import Rule, listed


class Key(NamedTuple):
    """A key with its group, and the architectures or tasks that read it."""

    name: str
    field: Argument
    group: str
    owners: tuple[str, ...]


class Code(NamedTuple):
    """A problem code: severity (of its rule), title and story (several lines where it has several
    reasons)."""

    code: str
    severity: str
    title: str
    story: str


def first_sentence(text: str) -> str:
    """A description's first sentence without its full stop; "et al. 2019" ends none."""
    return re.split(r"\. (?=[A-Z`])|\.$", text, maxsplit=1)[0]


def keys() -> dict[str, Key]:
    """Every key of every architecture and plug-in task, in the order of the groups."""
    found: dict[str, Key] = {}
    for owner, spec in _specs():
        for name, field in arguments(spec).items():
            group = (group_of(spec, name).__doc__ or "Others").strip().splitlines()[0].rstrip(".")
            known = found.get(name)
            owners = (*known.owners, owner) if known else (owner,)
            found[name] = Key(name, field, group, tuple(dict.fromkeys(owners)))
    return found


def _specs() -> Iterator[tuple[str, type[Spec]]]:
    specs: list[type[Spec]] = []
    for found in all_of("arch").values():
        try:
            spec = part(found, "spec") if found.entry else None
        except Broken:
            continue
        if spec is not None:
            specs.append(spec)
            yield found.name, spec
    for found in all_of("task").values():
        try:
            group = part(found, "spec") if found.entry else None
        except Broken:
            continue
        if group is not None and not any(issubclass(spec, group) for spec in specs):
            alone = with_groups(Spec, (group,))
            yield f"task {found.name}", alone


def rules() -> list[Rule]:
    """Every rule of every architecture and plug-in task, once."""
    found: dict[int, Rule] = {}
    for kind in ("arch", "task"):
        for each in all_of(kind).values():
            try:
                for rule in (part(each, "rules") or ()) if each.entry else ():
                    found.setdefault(id(rule.check), rule)
            except Broken:
                continue
    return list(found.values())


def codes() -> dict[str, Code]:
    """Every problem code that can be printed, with its story."""
    found = {code: Code(code, "", title, story) for code, (title, story) in CODES.items()}
    for rule in rules():
        earlier = found.get(rule.code)
        story = f"{earlier.story} {rule.story}" if earlier else rule.story
        found[rule.code] = Code(rule.code, rule.severity, rule.title, story)
    needs: dict[str, dict[str, list[str]]] = {}
    for key in keys().values():
        for need in key.field.needs:
            needs.setdefault(need.code, {}).setdefault(_when(need), []).append(key.name)
        code = key.field.code
        if code not in CODES and code not in found:
            title = f"{key.name} out of range" if code != "R130" else "a number out of range"
            found[code] = Code(code, "error", title, "")
    for key in keys().values():
        code = key.field.code
        if code not in CODES and code in found:
            story = f"{found[code].story}\n{key.name} must be {expected(key.field)}.".strip()
            found[code] = found[code]._replace(story=story)
    for code, reasons in needs.items():
        story = "\n".join(f"{listed(names)}: read {when}." for when, names in reasons.items())
        earlier = found.get(code)
        if earlier:
            found[code] = earlier._replace(story=f"{earlier.story}\n{story}".strip())
        else:
            found[code] = Code(code, "warning", "a key without effect in this run", story)
    return found


def _when(need: Need) -> str:
    return f"only {need.when}" if need.keys else need.when


def touching(name: str) -> list[tuple[str, str, str]]:
    """Code, severity and title of what speaks of a key: rules, its range, its needs."""
    found = [(rule.code, rule.severity, rule.title) for rule in rules() if name in rule.keys]
    key = keys()[name]
    if key.field.code not in CODES:
        found.append((key.field.code, "error", "its range"))
    for need in key.field.needs:
        found.append((need.code, need.severity, f"read {_when(need)}"))
    return list(dict.fromkeys(found))
