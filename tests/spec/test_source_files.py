"""A spec's file, whatever it is: text, pipe, folder, missing, forbidden, bytes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spec.sources import told
from vlcli.spec.source import MAX_BYTES, STDIN, read_file

NOBODY = 65534  # a user that owns nothing


def test_a_file_is_read_as_its_text(tmp_path: Path):
    path = tmp_path / "run.json5"
    path.write_bytes(b"\xef\xbb\xbf{lr: 1e-4}\r\n")
    source = read_file(path)
    assert source.name == str(path)
    assert (source.values, source.problems) == ({"lr": 1e-4}, ())


def test_a_missing_file_is_f1(tmp_path: Path):
    path = tmp_path / "none.json5"
    message = f"There is no file {path}."
    if len(str(path)) <= 200:
        assert told(read_file(path)) == [("F1", 0, 0, 0, "", message, "Check the path.")]
    (tmp_path / "file").write_text("{}")
    assert [p.code for p in read_file(tmp_path / "file" / "x").problems] == ["F1"]


def test_a_directory_is_f2():
    message = "The file vlcli cannot be read: it is a directory."
    fix = "Name a file that you may read."
    root = Path(__file__).parents[2]
    source = read_file(os.path.relpath(root / "vlcli"))
    assert [p.code for p in source.problems] == ["F2"]
    assert source.problems[0].fix == fix
    assert source.problems[0].message.endswith(message.removeprefix("The file vlcli"))


@pytest.mark.parametrize("size", [11, MAX_BYTES, MAX_BYTES + 1, 4 * MAX_BYTES])
def test_a_pipe_is_read_as_far_as_the_limit(tmp_path: Path, size: int):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write_bytes(b"{lr: 1e-4}" + b" " * (size - 10))

    writer = threading.Thread(target=write)
    writer.start()
    source = read_file(pipe)
    writer.join(timeout=20)
    assert source.name == str(pipe)
    if size <= MAX_BYTES:
        assert (source.values, source.problems) == ({"lr": 1e-4}, ())
    else:
        (problem,) = source.problems
        assert problem.code == "S4"
        assert problem.message.startswith("The file has more than 65,536 bytes")


@pytest.mark.parametrize("path", STDIN)
def test_the_standard_input_has_a_name_of_its_own(path: str):
    probe = "import sys; from vlcli.spec.source import read_file; s = read_file(sys.argv[1]); "
    probe += "print(s.name, s.values, len(s.problems))"
    done = subprocess.run(
        [sys.executable, "-c", probe, path], input="{lr: 1e-4}", capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("<stdin> {'lr': 0.0001} 0\n", "")


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 5000, "/dev/zero", ""])
def test_a_path_that_cannot_be_a_spec_is_a_problem(path: str):
    problems = read_file(path).problems
    assert [p.code for p in problems] in (["F1"], ["F2"])
    assert problems[0].message.isprintable()


def test_a_file_without_permission_is_f2(tmp_path: Path):
    path = tmp_path / "secret.json5"
    path.write_text("{}")
    path.chmod(0)
    with not_root():
        (problem,) = read_file(path).problems
    assert problem.code == "F2"
    assert problem.message.endswith("cannot be read: Permission denied.")


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """Root may read everything: for once it is somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path):
    path = tmp_path / "latin.json5"
    path.write_bytes("{\n a: 'é ".encode() + b"\xe9'}")
    source = read_file(path)
    message = "The file is not UTF-8 text: the byte 0xe9 at offset 10, in line 2, cannot be read."
    assert told(source) == [("S0", 2, 8, 1, "", message, "Save the file as UTF-8.")]
    assert source.values == {}
