"""Every key of a spec changes what a run does, or stands in a table of those that do not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.runs.mutation.fingerprint import Fingerprint, changed, copied, fingerprint
from tests.runs.mutation.keys import LIVE, MIXED, NEVER, TINY, TRAINED
from tests.runs.mutation.small_data import fill
from vlcli.archs.vlt5.spec import VLSpec
from vlcli.spec.fields import arguments

Known = Callable[[Mapping[str, Any]], Fingerprint]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("mutation")
    fill(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        fingerprint({**TRAINED, "output": "runs/first"})
    return found


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


def test_every_key_stands_in_one_table() -> None:
    assert sorted([*LIVE, *NEVER]) == sorted(arguments(VLSpec))


def test_a_run_repeats_itself(known: Known) -> None:
    assert known(TINY)["order"]
    assert changed(known(TINY), fingerprint(TINY)) == set()


@pytest.mark.parametrize("key", LIVE)
def test_a_key_changes_what_the_table_says(key: str, known: Known) -> None:
    value, aspects, base = LIVE[key]
    before = known(base)
    if key == "resume":
        copied("runs/first", value)
    after = fingerprint({**base, key: value})
    assert set(aspects.split()) <= changed(before, after), (changed(before, after), after["told"])
    assert idle(after, key) == []


def test_testing_writes_what_test_servers_take() -> None:
    files = fingerprint({**MIXED, "testing": True})["files"]
    for split, file in (("vqa.test", "submit.json"), ("gqa.submit", "submit.json")):
        assert f"submissions/{split}/{file}" in files
        assert f"predictions/{split}.jsonl" in files


@pytest.mark.parametrize("key", NEVER)
def test_what_nothing_reads_changes_nothing_but_a_warning(key: str, known: Known) -> None:
    value, _, base = NEVER[key]
    before, after = known(base), fingerprint({**base, key: value})
    assert before["order"]
    assert changed(before, after) == {"problems"}
    assert len(idle(after, key)) == 1
