"""One process at a time works on a run, and a dead one is never in the way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vlcli.runs.lock import LOCK, held
from vlcli.spec.problem import UserError

HOLDER = """
import os, sys, time
from pathlib import Path
from vlcli.runs.lock import held
with held(Path(sys.argv[1])) as said:
    if os.fork() == 0:      # as a loading process, which outlives a killed run for a while
        time.sleep(20)
        os._exit(0)
    print(*said, "held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_told_who_the_first_is(tmp_path: Path, holder) -> None:
    who = rf"process {holder.pid} on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    with pytest.raises(UserError, match=f"is in use by {who}"), held(tmp_path):
        pass
    assert (tmp_path / LOCK).exists()


def test_a_killed_holder_is_passed_over_and_named(tmp_path: Path, holder) -> None:
    holder.kill()
    holder.wait()
    with held(tmp_path) as said:
        assert len(said) == 1
        assert f"A run of process {holder.pid} on " in said[0]
    assert not (tmp_path / LOCK).exists()


def test_nothing_stays_after_a_normal_end_or_an_error(tmp_path: Path, holder) -> None:
    holder.communicate("")
    assert not (tmp_path / LOCK).exists()
    with held(tmp_path) as said:
        assert said == []
        assert json.loads((tmp_path / LOCK).read_text()).keys() == {"pid", "host", "since"}
    with pytest.raises(ZeroDivisionError), held(tmp_path):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", ["", "{", '{"pid": 1, "host": "elsewhere", "since": 0}'])
def test_whatever_lies_there_unlocked_can_be_taken(tmp_path: Path, left: str) -> None:
    (tmp_path / LOCK).write_text(left)
    with held(tmp_path) as said:
        assert bool(said) == ("elsewhere" in left)


def test_where_there_are_no_locks_it_is_said(tmp_path: Path, monkeypatch) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with held(tmp_path) as said:
        assert said == [
            f"Nothing keeps a second process out of {tmp_path}: there are no locks here."
        ]
