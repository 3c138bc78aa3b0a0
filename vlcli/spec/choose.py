"""What runs: the architecture, preset and task that the written values choose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from .entries import (
    BUILT_IN,
    Broken,
    Found,
    Kind,
    all_of,
    arch_of_family,
    known_as,
    nearest,
    part,
)
from .facts import MULTITASK
from .fields import Spec, arguments
from .lists import names_list
from .rules import Finding, Rule, listed
from .sizes import family_of
from .values import shown

DEFAULT_ARCH = "vlt5"
DEFAULT_BACKBONE = "t5-base"


class Chosen(NamedTuple):
    """The parts that a spec names, with what is wrong about the naming.

    `spec` is always a usable class; `complete` says that its fields are all that the run may hold.
    `defaults` come before the file (task, then preset), `fixed` after it: the resolved arch, task
    and tasks. `in_doubt` are the keys of the findings: rules that read them cannot judge.
    """

    arch: str | None = None
    task: str | None = None
    preset: str | None = None
    spec: type[Spec] = Spec
    rules: tuple[Rule, ...] = ()
    defaults: Mapping[str, Any] = MappingProxyType({})
    sources: Mapping[str, str] = MappingProxyType({})
    fixed: Mapping[str, Any] = MappingProxyType({})
    findings: tuple[tuple[str, Finding], ...] = ()
    in_doubt: frozenset[str] = frozenset()
    complete: bool = False


SPELLED = MappingProxyType({"model_type": "preset"})  # what is chosen has one name in `written`


def choose(written: dict[str, Any]) -> Chosen:
    """Look at arch, preset, backbone, task and tasks alone; the rest can be anything."""
    findings: list[tuple[str, Finding]] = []
    arch, found = _arch(written, findings)
    task, tasks = _task(written, findings)
    spec, rules = _classes(found, task, tasks, findings)
    _fit(found, task, findings)
    preset = _text(written.get("preset"))
    defaults, sources = _defaults(found, task, preset, findings)
    if task == MULTITASK:
        mixed = _mixed(tasks, built_in=written.get("dataset") is not None)
        defaults, sources = {**mixed, **defaults}, {**dict.fromkeys(mixed, "its tasks"), **sources}
    complete = spec is not Spec and not any(code in ("A1", "A2", "T2") for code, _ in findings)
    fixed: dict[str, Any] = {}
    if arch and _text_or_absent(written.get("arch")):
        fixed["arch"] = arch
        sources.setdefault("arch", "from task" if _arch_of_task(written) else "from backbone")
    if task:
        fixed |= {"task": task} if _text_or_absent(written.get("task")) else {}
        sources.setdefault("task", "from tasks")
        if not tasks and task != MULTITASK and not _is_wrong_list(written.get("tasks")):
            fixed["tasks"] = [task]
            sources.setdefault("tasks", "from task")
    doubtful = {key for _, finding in findings for key in finding.keys}
    if "preset" in doubtful or not _text_or_absent(written.get("preset")):
        doubtful |= _set_by_presets(found) - written.keys()
    fixed = {key: value for key, value in fixed.items() if key in arguments(spec)}
    return Chosen(
        arch,
        task,
        preset,
        spec,
        rules,
        defaults,
        sources,
        fixed,
        tuple(findings),
        frozenset(doubtful),
        complete,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text_or_absent(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_wrong_list(value: Any) -> bool:
    return not (value is None or isinstance(value, str | list))


def _arch(
    written: dict[str, Any], findings: list[tuple[str, Finding]]
) -> tuple[str | None, Found | None]:
    """The architecture: as written, else that of the backbone's family."""
    backbone = written.get("backbone", DEFAULT_BACKBONE)
    if not isinstance(backbone, str):
        backbone = DEFAULT_BACKBONE  # its type check speaks of that
    name = _text(written.get("arch"))
    if name is None and (fit := _arch_of_task(written)):
        return fit.name, fit
    if name is None:
        name = arch_of_family(family_of(backbone))
        if name is None:
            message = f"backbone is {shown(backbone)}, which is neither a T5 nor a BART model."
            fix = "Name a T5 or BART model such as t5-base or facebook/bart-base, or write arch."
            findings.append(("R125", Finding(("backbone",), message, fix)))
            return None, all_of("arch")[DEFAULT_ARCH]
        return name, all_of("arch")[name]
    found = all_of("arch").get(name)
    if found is None or found.entry is None:
        findings.append(_unusable("arch", name, found))
        near = nearest(name, [each for each, known in all_of("arch").items() if known.entry])
        return None, all_of("arch")[near[0]] if near else None  # values can be checked by it
    families = found.entry.families
    if families and family_of(backbone) not in families:
        right = arch_of_family(family_of(backbone))
        which = "the backbone" if "backbone" in written else "the default backbone"
        kind = families[0].upper()
        message = f"arch is {shown(name)}, and {which} {shown(backbone)} is no {kind} model."
        fix = f"Name a {kind} backbone" + (f', or set arch: "{right}".' if right else ".")
        findings.append(("A3", Finding(("arch", "backbone"), message, fix)))
    return name, found


def _arch_of_task(written: Mapping[str, Any]) -> Found | None:
    """The architecture of a task that no text answers; None for all others."""
    task = all_of("task").get(_text(written.get("task")) or "")
    asked = task.entry.answers if task and task.entry else ""
    if "backbone" in written or asked in ("", "text"):
        return None
    known = all_of("arch").values()
    return next((each for each in known if each.entry and each.entry.answers == asked), None)


def _unusable(kind: Kind, name: str, found: Found | None) -> tuple[str, Finding]:
    """The finding for a name that nothing brings (A1, T2) or that a broken plug-in brings (A2)."""
    if found is not None:
        who = "" if found.source == BUILT_IN else f" from {found.source}"
        message = f'The {kind} "{name}"{who} cannot be used: {found.fault}.'
        return "A2", Finding((kind,), message, "Mend or uninstall the plug-in, or choose another.")
    also = known_as(kind, name)
    near = [also] if also else nearest(name, all_of(kind))
    known = listed(all_of(kind), "and")
    fix = f"Did you mean {listed(near, 'or')}?" if near else f"There are {known}."
    code = "A1" if kind == "arch" else "T2"
    return code, Finding((kind,), f"There is no {kind} {shown(name)}.", fix)


def _task(
    written: dict[str, Any], findings: list[tuple[str, Finding]]
) -> tuple[str | None, tuple[str, ...]]:
    """The task (as written, else from `tasks`) and the names in `tasks`."""
    listed_tasks = names_list(written.get("tasks"))
    names = tuple(listed_tasks) if isinstance(listed_tasks, tuple) else ()
    tasks = tuple(name for name in names if isinstance(name, str))
    task = _text(written.get("task"))
    if not task:
        wrong = _is_wrong_list(written.get("tasks")) or not _text_or_absent(written.get("task"))
        if not tasks and not wrong:
            message = "The spec does not say what to train on."
            fix = 'Add task: "vqa" or another of `vlcli list tasks`.'
            findings.append(("T1", Finding(("task", "tasks"), message, fix)))
        task = MULTITASK if len(tasks) > 1 else tasks[0] if tasks else None
        if task in (None, MULTITASK) or task in all_of("task"):
            return task, tasks
        return None, tasks  # rule R107 speaks of unknown names in `tasks`
    found = all_of("task").get(task)
    if found is None or found.entry is None:
        findings.append(_unusable("task", task, found))
        return None, tasks
    return task, tasks


@cache
def with_groups(base: type[Spec], groups: tuple[type, ...]) -> type[Spec]:
    """An architecture's spec class with the arguments of plug-in tasks mixed in."""
    return type(base.__name__, (*groups, base), {"__doc__": base.__doc__, "__module__": __name__})


def _classes(
    found: Found | None,
    task: str | None,
    tasks: tuple[str, ...],
    findings: list[tuple[str, Finding]],
) -> tuple[type[Spec], tuple[Rule, ...]]:
    """The spec class of architecture and tasks, and all their rules."""
    if found is None:
        return Spec, ()
    try:
        spec: type[Spec] = part(found, "spec") or Spec
        rules: tuple[Rule, ...] = tuple(part(found, "rules") or ())
    except Broken as broken:
        findings.append(_unusable("arch", found.name, _broken(found, broken)))
        return Spec, ()
    groups: list[type] = []
    for name in tasks if task == MULTITASK else (task,):
        entry = all_of("task").get(name or "")
        if entry is None or entry.entry is None:
            continue
        try:
            group = part(entry, "spec")
            rules += tuple(part(entry, "rules") or ())
        except Broken as broken:
            findings.append(_unusable("task", entry.name, _broken(entry, broken)))
            continue
        if group is not None and not issubclass(spec, group):
            groups.append(group)
    return (with_groups(spec, tuple(groups)) if groups else spec), rules


def _fit(found: Found | None, task: str | None, findings: list[tuple[str, Finding]]) -> None:
    """Whether the architecture answers what the task asks for (A5)."""
    asked = all_of("task").get(task or "")
    if not (found and found.entry and asked and asked.entry):
        return
    ours, theirs = found.entry.answers, asked.entry.answers
    if not ours or not theirs or ours == theirs:
        return
    words = {"text": "texts to be written", "vectors": "vectors to be compared"}
    message = (
        f"The task {asked.name} asks for {words[theirs]}, and {found.name} gives {_GIVES[ours]}."
    )
    archs = [n for n, each in all_of("arch").items() if each.entry and each.entry.answers == theirs]
    tasks = [n for n, each in all_of("task").items() if each.entry and each.entry.answers == ours]
    fix = f"Set arch: {listed([shown(n) for n in archs], 'or')}, or a task of {found.name}: "
    findings.append(("A5", Finding(("task", "arch"), message, fix + f"{listed(tasks, 'or')}.")))


_GIVES = {"text": "texts", "vectors": "vectors of pictures and texts"}


def _broken(found: Found, broken: Broken) -> Found:
    return Found(found.name, found.source, fault=str(broken))


def _mixed(tasks: tuple[str, ...], built_in: bool) -> dict[str, dict[str, Any]]:
    """What the tasks of a mixed run bring, as objects by task; the splits of the built-in data set
    are those of every task."""
    values: dict[str, dict[str, Any]] = {}
    for name in tasks:
        found = all_of("task").get(name)
        for key, value in (found.entry.mixed if found and found.entry else {}).items():
            if not (built_in and key in ("train", "valid", "test")):
                values.setdefault(key, {})[name] = value
    return values


def _set_by_presets(found: Found | None) -> set[str]:
    """The keys that one or another preset sets: in doubt where the preset is."""
    try:
        presets = part(found, "presets") if found and found.entry else None
    except Broken:
        return set()
    return {key for values in (presets or {}).values() for key in values}


def _defaults(
    found: Found | None,
    task: str | None,
    preset: str | None,
    findings: list[tuple[str, Finding]],
) -> tuple[dict[str, Any], dict[str, str]]:
    """What comes before the file: the task's defaults, then the preset's."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    entry = all_of("task").get(task or "")
    if entry and entry.entry:
        values |= entry.entry.defaults
        sources |= dict.fromkeys(entry.entry.defaults, f"task {task}")
    if preset is None or found is None:
        return values, sources
    try:
        presets: dict[str, dict[str, Any]] = part(found, "presets") or {}
    except Broken as broken:
        findings.append(_unusable("arch", found.name, _broken(found, broken)))
        return values, sources
    if preset not in presets:
        like = [name for name in presets if preset and preset.lower() in name]
        near = like or nearest(preset, presets)
        words = (
            f"Did you mean {listed(near, 'or')}?"
            if near
            else (f"There are {listed(presets, 'and')}." if presets else "Remove it.")
        )
        message = f"{found.name} has no preset {shown(preset)}."
        findings.append(("A4", Finding(("preset",), message, words)))
        return values, sources
    values |= presets[preset]
    sources |= dict.fromkeys(presets[preset], f"preset {preset}")
    return values, sources
