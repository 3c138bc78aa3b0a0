"""A path (or text) and its `--set` values in, a checked spec or all of its problems out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo

from . import effects, files
from .choose import Chosen, choose
from .fields import Spec
from .keys import Spellings, unknown_key
from .overrides import Override, apply, read_overrides
from .problem import KeyPath, KeyPlace, Place, Problem, dotted, in_order
from .rules import Finding, Rule
from .run import InDoubt, Run
from .source import Source, read_file, read_text
from .values import check_values

START = Place(1, 1, 1)
EDITOR_KEY = "$schema"  # lets a spec name its JSON Schema; read by editors alone


class Reading(NamedTuple):
    """What came of reading one spec.

    `spec` is None where a problem is an error. `values` are the resolved ones (what passed its own
    check, where others did not), `origins` says of every value where it comes from: "default",
    "task vqa", "preset single_adapter", "<file>:<line>" or "--set lr=1e-3".
    """

    source: Source
    problems: tuple[Problem, ...]
    spec: Spec | None = None
    chosen: Chosen = Chosen()
    values: Mapping[str, Any] = MappingProxyType({})
    origins: Mapping[str, str] = MappingProxyType({})
    overrides: tuple[str, ...] = ()

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
    chosen = choose(written.values)
    fields = chosen.spec.model_fields
    spellings = Spellings(fields)
    problems += written.respell(spellings)
    problems += [written.problem(code, "error", finding) for code, finding in chosen.findings]
    problems += list(_unknown_keys(written, fields, chosen))
    given = {key: value for key, value in written.values.items() if key in fields}
    before = {key: value for key, value in chosen.defaults.items() if key in fields}
    values, faults = check_values(chosen.spec, {**before, **given, **chosen.fixed})
    for fault in faults:
        problems.append(written.problem(fault.code, "error", fault.finding, fault.path))
    in_doubt = {str(fault.path[0]) for fault in faults} | chosen.in_doubt
    in_doubt |= {spellings.ours(key) for key in source.lost}
    run = Run(values, given.keys(), frozenset(in_doubt))
    sources = dict(chosen.sources)
    for key, (value, origin) in _derived(chosen.spec, run).items():
        values[key], sources[key] = value, origin
    if chosen.spec is not Spec:
        problems += _judged(run, written, chosen.rules, fields)
    spec = None
    if not any(problem.severity == "error" for problem in problems):
        spec = chosen.spec.model_construct(**values)
    origins = {key: written.origin_of(key) or sources.get(key, "default") for key in values}
    return Reading(
        source, tuple(in_order(problems)), spec, chosen, values, origins, tuple(overrides)
    )


def _derived(spec: type[Spec], run: Run) -> dict[str, tuple[Any, str]]:
    try:
        found = spec.derived(run)
    except InDoubt:
        return {}
    return {key: each for key, each in found.items() if key not in run.written}


def _judged(
    run: Run, written: Written, rules: Iterable[Rule], fields: dict[str, FieldInfo]
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
    written: Written, fields: dict[str, FieldInfo], chosen: Chosen
) -> Iterator[Problem]:
    if not chosen.complete:
        return  # which keys belong is not known before the architecture is
    for key in list(written.values):
        if key not in fields and key != EDITOR_KEY:
            code, finding = unknown_key(key, fields, chosen)
            yield written.problem(code, "error", finding)


class Written:
    """What the user wrote, in the file and by `--set`, with the place of every key."""

    def __init__(self, source: Source, overrides: Iterable[Override]) -> None:
        self.source = source
        self.values: dict[str, Any] = dict(source.values)
        self.spelled: dict[str, str] = {}
        self.sets: dict[str, str] = {}
        for override in overrides:
            apply(self.values, override)
            self.sets[override.path[0]] = override.origin

    def respell(self, spellings: Spellings) -> list[Problem]:
        """Bring every key to our spelling; one key under two spellings is a problem."""
        problems = []
        for key in list(self.values):
            ours = spellings.ours(key)
            if ours == key:
                continue
            if ours in self.values and ours in self.sets and key not in self.sets:
                del self.values[key]  # the file's spelling gives way to --set
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
        spots.sort(key=lambda spot: (spot.place is None, spot.place and spot.place.line or 0,
                                     spot.place and spot.place.column or 0))
        if path is not None and spots:
            place = self.place(path) if spots[0].origin == "file" else None
            spots[0] = KeyPlace(dotted(path), place, spots[0].origin)
        if not spots:
            anchor = next((key for key in ("task", "tasks", "arch", "backbone")
                           if key in self.values and key not in self.sets), None)
            place = (anchor and self.place((anchor,))) or START
            spots = [KeyPlace(finding.keys[0] if finding.keys else "", place)]
        first, *others = spots
        return Problem(
            code,
            severity,
            finding.message,
            finding.fix,
            first.path,
            first.place,
            first.origin,
            tuple(others),
        )

    def _is_written(self, key: str) -> bool:
        return key in self.values or (key,) in self.source.keys or key in self.sets

    def _spot(self, key: str) -> KeyPlace:
        if key in self.sets:
            return KeyPlace(key, None, self.sets[key])
        return KeyPlace(key, self.place((key,)))

