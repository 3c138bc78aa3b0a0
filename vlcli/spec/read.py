"""A path (or text) and its `--set` values in, a checked spec or all of its problems out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from . import effects, files
from .choose import SPELLED, Chosen, choose
from .fields import Argument, Spec, arguments
from .keys import spellings_of, unknown_key
from .overrides import Override, apply, read_overrides
from .problem import KeyPath, KeyPlace, Place, Problem, dotted, in_order
from .rules import Finding, Rule
from .run import InDoubt, Run
from .source import Source, read_file, read_text
from .values import REST, check_values, printable

START = Place(1, 1, 1)
NOWHERE = (1 << 30, 0)  # behind every place: a `--set` key stands in no line
EDITOR_KEY = "$schema"  # lets a spec name its JSON Schema; read by editors alone


class Reading(NamedTuple):
    """What came of reading one spec.

    `spec` is None where a problem is an error. `values` are the resolved ones (what passed its own
    check, where others did not), `origins` says of every value where it comes from: "default",
    "task vqa", "preset single_adapter", "<file>:<line>" or "--set lr=1e-3". `written` are the keys
    that the file or a `--set` names, in our spelling.
    """

    source: Source
    problems: tuple[Problem, ...]
    spec: Spec | None = None
    chosen: Chosen = Chosen()
    values: Mapping[str, Any] = MappingProxyType({})
    origins: Mapping[str, str] = MappingProxyType({})
    overrides: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def read_spec(path: str | Path, overrides: Sequence[str] = ()) -> Reading:
    """Read and check the spec file at `path`; never raises for what a file may hold."""
    return check(read_file(path), overrides)


def read_spec_text(text: str, name: str = "<spec>", overrides: Sequence[str] = ()) -> Reading:
    """Read and check a spec given as text."""
    return check(read_text(text, name), overrides)


def check(source: Source, overrides: Sequence[str] = ()) -> Reading:
    """Check a scanned document with its `--set` values: names, values, combinations, files."""
    sets, problems = read_overrides(overrides)
    problems += source.problems
    if source.problems and not source.values and not source.keys:
        return Reading(source, tuple(in_order(problems)), overrides=tuple(overrides))
    written = Written(source, sets)
    problems += written.respell(SPELLED)
    chosen = choose(written.values)
    written.brought = {key: _bringer(source) for key, source in chosen.sources.items()}
    fields = arguments(chosen.spec)
    spellings = spellings_of(fields)
    problems += written.respell(spellings)
    problems += [written.problem(code, "error", finding) for code, finding in chosen.findings]
    problems += list(_unknown_keys(written, fields, chosen))
    given = {key: value for key, value in written.values.items() if key in fields}
    before = {key: value for key, value in chosen.defaults.items() if key in fields}
    values, faults = check_values(chosen.spec, {**_over(before, given), **chosen.fixed})
    for fault in faults:
        problems.append(written.problem(fault.code, "error", fault.finding, fault.path))
    in_doubt = {str(fault.path[0]) for fault in faults} | chosen.in_doubt
    in_doubt |= {spellings.get(key, key) for key in source.lost} - written.sets.keys()
    run = Run(values, given, frozenset(in_doubt))
    sources = dict(chosen.sources)
    for key, (value, origin) in _derived(chosen.spec, run).items():
        values[key], sources[key] = value, origin
    if chosen.spec is not Spec:
        problems += _judged(run, written, chosen.rules, fields)
    spec = None
    if not any(problem.severity == "error" for problem in problems):
        spec = chosen.spec.of(values)
    origins = {key: written.origin_of(key) or sources.get(key, "default") for key in values}
    return Reading(
        source,
        tuple(in_order(problems)),
        spec,
        chosen,
        values,
        origins,
        tuple(overrides),
        frozenset(given),
    )


def _over(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given over what comes before it; an object by task leaves the tasks that it does not
    name as they were."""
    merged = {**before, **given}
    for key, value in given.items():
        if isinstance(value, dict) and key in before:
            earlier = before[key]
            merged[key] = {**(earlier if isinstance(earlier, dict) else {REST: earlier}), **value}
    return merged


def _bringer(source: str) -> str:
    """The key in the words of an origin: "preset single_lora" -> preset, "from task" -> task."""
    first, _, last = source.partition(" ")
    return last if first == "from" else first


def _derived(spec: type[Spec], run: Run) -> dict[str, tuple[Any, str]]:
    try:
        found = spec.derived(run)
    except InDoubt:
        return {}
    return {key: each for key, each in found.items() if key not in run.written}


def _judged(
    run: Run, written: Written, rules: Iterable[Rule], fields: Mapping[str, Argument]
) -> Iterator[Problem]:
    """What the values mean together: rules, keys without effect, files that are not there."""
    for rule in rules:
        for finding in rule.findings(run):
            yield written.problem(rule.code, finding.severity or rule.severity, finding)
    for need, finding in effects.without_effect(run, fields):
        yield written.problem(need.code, need.severity, finding)
    for finding in files.missing(run):
        yield written.problem("F3", "error", finding)


def _unknown_keys(
    written: Written, fields: Mapping[str, Argument], chosen: Chosen
) -> Iterator[Problem]:
    if any(code == "A2" for code, _ in chosen.findings):
        return  # a broken plug-in cannot say which keys are its own
    for key in list(written.values):
        if key not in fields and key != EDITOR_KEY:
            code, finding = unknown_key(key, fields, chosen)
            if chosen.complete or code == "K1":  # whose a known key is waits for arch and task
                yield written.problem(code, "error", finding)


class Written:
    """What the user wrote, in the file and by `--set`, with the place of every key."""

    def __init__(self, source: Source, overrides: Iterable[Override]) -> None:
        self.source = source
        self.values: dict[str, Any] = dict(source.values)
        self.spelled: dict[str, str] = {}
        self.sets: dict[str, str] = {}
        self.brought: dict[str, str] = {}  # key that nobody wrote -> the key that brought its value
        for override in overrides:
            apply(self.values, override)
            self.sets.pop(override.path[0], None)
            self.sets[override.path[0]] = override.origin

    def respell(self, spellings: Mapping[str, str]) -> list[Problem]:
        """Bring every key to our spelling; one key under two spellings is a problem."""
        problems = []
        for key in list(self.values):
            ours = spellings.get(key, key)
            if ours == key:
                continue
            if self._is_set_later(ours, key):
                del self.values[key]
                self.sets.pop(key, None)
                continue
            if ours in self.values and key not in self.sets:
                finding = Finding(
                    (ours, key),
                    f"{ours} and {key} are two spellings of one key, and both are written.",
                    f"Keep {ours}.",
                )
                problems.append(self.problem("K3", "error", finding))
                del self.values[key]
                continue
            self.values[ours] = self.values.pop(key)
            self.spelled[ours] = key
            if key in self.sets:
                self.sets[ours] = self.sets.pop(key)
        return problems

    def _is_set_later(self, ours: str, key: str) -> bool:
        """Whether `--set` gives `ours`, and `key` in the file or by an earlier `--set`."""
        order = list(self.sets)
        return ours in order and (key not in order or order.index(ours) > order.index(key))

    def origin_of(self, key: str) -> str:
        """Where a written key stands: its `--set`, or file and line; "" for what is not written."""
        if key in self.sets:
            return self.sets[key]
        place = self.place((key,))
        return f"{self.source.name}:{place.line}" if place and key in self.values else ""

    def place(self, path: KeyPath) -> Place | None:
        """Where a key stands in the file; for what is inside a value, the nearest known place."""
        full = (self.spelled.get(str(path[0]), path[0]), *path[1:])
        while full:
            if full in self.source.keys:
                return self.source.keys[full]
            full = full[:-1]
        return None

    def problem(
        self, code: str, severity: Any, finding: Finding, path: KeyPath | None = None
    ) -> Problem:
        """A finding with its place: the first of its written keys; the others go to `places`."""
        spots = [self._spot(key) for key in finding.keys if self._is_written(key)]
        spots.sort(key=lambda spot: (spot.place.line, spot.place.column) if spot.place else NOWHERE)
        if path is not None and spots:
            place = self.place(path) if spots[0].origin == "file" else None
            spots[0] = KeyPlace(dotted(path), place, spots[0].origin)
        first, *others = spots or [self._stand_in(finding.keys)]
        return Problem(
            code,
            severity,
            printable(finding.message),
            printable(finding.fix),
            first.path,
            first.place,
            first.origin,
            tuple(others),
        )

    def _stand_in(self, keys: Sequence[str]) -> KeyPlace:
        """Where a problem of unwritten keys stands: at what brought them, else at what runs."""
        path = keys[0] if keys else ""
        bringers = [self.brought[key] for key in keys if key in self.brought]
        for key in bringers:
            if key in self.sets:
                return KeyPlace(path, None, self.sets[key])
        for key in (*bringers, "task", "tasks", "arch", "backbone"):
            if key in self.values and key not in self.sets:
                return KeyPlace(path, self.place((key,)) or START)
        return KeyPlace(path, START)

    def _is_written(self, key: str) -> bool:
        return key in self.values or (key,) in self.source.keys or key in self.sets

    def _spot(self, key: str) -> KeyPlace:
        if key in self.sets:
            return KeyPlace(key, None, self.sets[key])
        return KeyPlace(key, self.place((key,)))
