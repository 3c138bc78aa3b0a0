"""Every key of a spec changes what a run does, or stands in a table of those that do not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.runs.mutation.dual_encoder_keys import DUAL_ENCODER
from tests.runs.mutation.fingerprint import Fingerprint, changed, copied, fingerprint
from tests.runs.mutation.rows import Change, Dead, Table
from tests.runs.mutation.small_data import fill, forget
from tests.runs.mutation.vlt5_keys import MIXED, VLT5
from vlcli.spec.fields import arguments

TABLES = {"vlt5": VLT5, "dual_encoder": DUAL_ENCODER}
Known = Callable[[Mapping[str, Any]], Fingerprint]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("mutation")
    fill(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        for arch, table in TABLES.items():
            fingerprint({**table.begun, "output": f"runs/{arch}"})
    yield found
    forget()


@pytest.fixture(autouse=True)
def _in_the_folder(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="module")
def known() -> Known:
    """Fingerprints of bases, each made once."""
    found: dict[str, Fingerprint] = {}

    def of(values: Mapping[str, Any]) -> Fingerprint:
        name = json.dumps(values, sort_keys=True)
        if name not in found:
            found[name] = fingerprint(values)
        return found[name]

    return of


def idle(found: Fingerprint, key: str) -> list[str]:
    """The warnings that a key has no effect."""
    said = [message for _, _, message in found["problems"] if " no effect: " in message]
    return [each for each in said if key in re.split(r" (?:has|have) no effect: ", each)[0]]


def both(known: Known, arch: str, key: str, row: Change | Dead) -> tuple[Fingerprint, Fingerprint]:
    """The run of a row's base, and the one with its value."""
    base = row.base or TABLES[arch].tiny
    return known(base), fingerprint({**base, key: row.value})


def each_key(rows: str) -> pytest.MarkDecorator:
    """A test for every key of these rows of all tables."""
    held = [(arch, key) for arch, table in TABLES.items() for key in getattr(table, rows)]
    return pytest.mark.parametrize(("arch", "key"), held)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_key_stands_in_one_table(table: Table) -> None:
    assert sorted([*table.live, *table.never, *table.several]) == sorted(arguments(table.spec))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_run_repeats_itself(table: Table, known: Known) -> None:
    assert known(table.tiny)["order"]
    assert changed(known(table.tiny), fingerprint(table.tiny)) == set()


@each_key("live")
def test_a_key_changes_what_the_table_says(arch: str, key: str, known: Known) -> None:
    row = TABLES[arch].live[key]
    if key == "resume":
        copied(f"runs/{arch}", row.value)
    (before, after), aspects = both(known, arch, key, row), row.aspects
    assert after["updates"] or {"problems", "told"} & set(aspects.split()), after["told"]
    assert set(aspects.split()) <= changed(before, after), (changed(before, after), after["told"])
    assert idle(after, key) == []


def test_testing_writes_what_test_servers_take() -> None:
    files = fingerprint({**MIXED, "testing": True})["files"]
    for split, file in (("vqa.test", "submit.json"), ("gqa.submit", "submit.json")):
        assert f"submissions/{split}/{file}" in files
        assert f"predictions/{split}.jsonl" in files


@each_key("never")
def test_what_nothing_reads_changes_nothing_but_a_warning(
    arch: str, key: str, known: Known
) -> None:
    before, after = both(known, arch, key, TABLES[arch].never[key])
    assert before["order"]
    assert changed(before, after) == {"problems"}
    assert len(idle(after, key)) == 1


@each_key("several")
def test_what_several_processes_read_is_handed_on_and_changes_nothing_of_one(
    arch: str, key: str, known: Known
) -> None:
    row = TABLES[arch].several[key]
    file, _, test = row.why.partition("::")
    assert f"def {test}(" in (ROOT / file).read_text()
    before, after = both(known, arch, key, row)
    assert before["order"]
    assert changed(before, after) == {"exchange"}
