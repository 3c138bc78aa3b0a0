"""A checkpoint is whole or absent, and one changed bit is seen."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from vlcli.runtime.checkpoint import Checkpoints, CorruptCheckpointError, verify
from vlcli.spec.problem import UserError

from .tiny import trainer_for


def fill(folder: Path) -> None:
    (folder / "a.bin").write_bytes(bytes(range(256)))
    (folder / "b.json").write_text("{}\n")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_every_flipped_bit_of_a_real_checkpoint_is_seen(tmp_path: Path) -> None:
    trainer_for(tmp_path, epochs=1).train()
    folder = tmp_path / "checkpoints/step-000006"
    verify(folder)
    files = sorted(folder.iterdir())
    assert {"weights.safetensors", "optimizer.safetensors", "manifest.json"} <= names(folder)
    draw = random.Random(0)
    for _ in range(200):
        file = draw.choice(files)
        good = file.read_bytes()
        bad = bytearray(good)
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
        file.write_bytes(bad)
        with pytest.raises(CorruptCheckpointError):
            verify(folder)
        file.write_bytes(good)
    verify(folder)


def test_every_bit_of_a_manifest_counts(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path).write(1, fill, best=True) / "manifest.json"
    good = path.read_bytes()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        with pytest.raises(CorruptCheckpointError):
            verify(path.parent)


@pytest.mark.parametrize("change", ["cut", "empty", "gone", "more", "no manifest"])
def test_missing_and_cut_files_are_seen(tmp_path: Path, change: str) -> None:
    folder = Checkpoints(tmp_path).write(1, fill, best=False)
    file = folder / "a.bin"
    if change == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif change == "empty":
        file.write_bytes(b"")
    elif change == "gone":
        file.unlink()
    elif change == "more":
        (folder / "c.bin").write_bytes(b"")
    else:
        (folder / "manifest.json").unlink()
    with pytest.raises(CorruptCheckpointError):
        verify(folder)


def test_the_best_and_the_newest_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in range(1, 6):
        checkpoints.write(step, fill, best=step == 2)
    assert names(tmp_path) == {"last", "best", "step-000002", "step-000005"}
    assert (tmp_path / "last").read_text() == "step-000005\n"
    assert checkpoints.best().name == "step-000002"
    for step in range(6, 9):
        checkpoints.write(step, fill, best=False, keep=3)
    assert [path.name[-1] for path in checkpoints.all()] == ["8", "7", "6", "2"]


def test_a_checkpoint_that_does_not_read_back_deletes_no_older_one(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(1, fill, best=False)
    future = checkpoints.write(9, fill, best=False)
    assert names(tmp_path) == {"last", "step-000009"}
    (future / "a.bin").write_bytes(b"torn")
    checkpoints.write(5, fill, best=False)
    assert {"step-000005", "step-000009"} <= names(tmp_path)
    assert checkpoints.newest()[0].name == "step-000005"


def test_a_full_disk_leaves_the_last_one_and_says_so(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        fill(folder)
        raise OSError(28, "No space left on device")

    checkpoints = Checkpoints(tmp_path)
    checkpoints.write(1, fill, best=True)
    with pytest.raises(UserError, match=r"step 2 could not be written .*No space left"):
        checkpoints.write(2, full, best=True)
    assert names(tmp_path) == {"last", "best", "step-000001"}
    assert checkpoints.newest()[0].name == "step-000001"


KILLED = """
import os, shutil, sys
from pathlib import Path
from vlcli.runtime.checkpoint import Checkpoints

left = int(sys.argv[2])
WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}

def fill(folder):
    (folder / "a.bin").write_bytes(bytes(range(256)))
    (folder / "b.json").write_text("{}")

def watch(event, args):
    global left
    if event in WATCHED:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)

sys.addaudithook(watch)
Checkpoints(Path(sys.argv[1])).write(int(sys.argv[3]), fill, best=True)
"""


@pytest.mark.parametrize("step", [4, 3], ids=["a new step", "the same step again"])
def test_a_kill_at_any_moment_of_writing_leaves_a_whole_one(tmp_path: Path, step: int) -> None:
    """Killed before the n-th thing done to the disk, for every n, until it lives."""
    for count in range(60):
        folder = tmp_path / str(count)
        checkpoints = Checkpoints(folder)
        checkpoints.write(2, fill, best=True)
        checkpoints.write(3, fill, best=False)
        command = [sys.executable, "-c", KILLED, str(folder), str(count), str(step)]
        done = subprocess.run(command, check=False)
        newest, refused = checkpoints.newest()
        assert newest.name in {"step-000003", f"step-{step:06d}"}
        assert not refused
        assert checkpoints.best().name in {"step-000002", f"step-{step:06d}"}
        if done.returncode == 0:
            break
        assert done.returncode == -9
        checkpoints.write(5, fill, best=False)
        assert not any(name.startswith(".") for name in names(folder))
    assert done.returncode == 0
    assert count > 10
