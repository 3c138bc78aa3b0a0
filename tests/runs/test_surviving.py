"""No kill, full disk, lack of memory or impatient person ruins a run, through the real command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime.test_parallel import free_port

from .test_train import Folder, weights

ROOT = Path(__file__).resolve().parents[2]
LONGER = ("--set", "epochs=3", "--set", "log_every=1")


class Rough(Folder):
    """A working folder in which things go wrong."""

    def start(self, *words: str, mishap: tuple[str, str, int] | None = None) -> subprocess.Popen:
        """`vlcli` with those words in a process group of its own, as a terminal would start it."""
        module = ["vlcli"] if mishap is None else ["tests.runs.mishap", *map(str, mishap)]
        return subprocess.Popen(
            [sys.executable, "-m", *module, *words],
            cwd=self.path,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ends(self, *words: str, code: int, mishap: tuple[str, str, int] | None = None) -> str:
        """What a run says on stderr that ends with that code."""
        process = self.start(*words, mishap=mishap)
        said, told = process.communicate(timeout=300)
        assert process.returncode == code, f"{said}\n{told}"
        assert "Traceback" not in told
        return told


@pytest.fixture
def rough(tmp_path, cache) -> Rough:
    return Rough(tmp_path, cache)


def hear(process: subprocess.Popen, words: str) -> None:
    """Read what a process says until these words come."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"never said: {words}")


def test_kills_and_a_full_disk_change_nothing_to_the_last_bit(rough):
    draw = random.Random(5)
    train = ("train", "tiny.json5", *LONGER)
    rough.ends(*train, "--set", "output=whole", code=0)
    again, checkpoints = ("train", "--resume", "cut"), rough.path / "cut/checkpoints"

    kill = ("kill", "step", draw.randint(1, 4))
    rough.ends(*train, "--set", "output=cut", code=-9, mishap=kill)

    file = draw.choice(["rng.json", "trainer.json", "manifest.json"])
    kill = ("kill", f"open cut/checkpoints/.aside-000004/{file}", 1)
    told = rough.ends(*again, code=-9, mishap=kill)
    assert "ended here without a word; this one goes on." in told
    assert "There is no checkpoint yet: starting from the beginning." in told

    kill = ("kill", "os.rename cut/checkpoints/.aside-000008", 1)
    rough.ends(*again, code=-9, mishap=kill)
    assert (checkpoints / ".aside-000008/manifest.json").exists()

    told = rough.ends(*again, code=4, mishap=("full", "open cut/metrics.jsonl", 6))
    assert "Resuming after step 4." in told
    assert "error: cut cannot be written: File too large. Make room. The last checkpoint" in told
    assert not (rough.path / "cut/lock.json").exists()

    weak = checkpoints / "step-000008/weights.safetensors"
    data = bytearray(weak.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    weak.write_bytes(data)
    told = rough.ends(*again, code=0)
    assert "is corrupt: weights.safetensors has changed since it was written." in told
    assert "An older checkpoint is taken.\nResuming after step 4." in told

    assert weights(rough.path / "cut") == weights(rough.path / "whole")
    for run in ("cut", "whole"):
        lines = (rough.path / run / "metrics.jsonl").read_text().splitlines()
        steps = [each["step"] for each in map(json.loads, lines) if each["kind"] == "train"]
        assert steps == list(range(1, 13))
    assert not list((rough.path / "cut").glob(".*")) + list(checkpoints.glob(".*"))


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (
            "os.mkdir full/checkpoints/.aside-000004",
            "The checkpoint of step 4 could not be written",
        ),
        ("open full/log.txt", "full cannot be written: File too large."),
        ("open full/predictions", "full/predictions/test.jsonl cannot be written: File too large."),
    ],
)
def test_a_full_disk_is_one_sentence(rough, place, sentence):
    told = rough.ends(
        "train", "tiny.json5", "--set", "output=full", code=4, mishap=("full", place, 1)
    )
    assert f"error: {sentence}" in told
    assert not (rough.path / "full/lock.json").exists()
    if "predictions" in place:
        assert "Resuming after step 4." in rough.ends("train", "--resume", "full", code=0)


def test_memory_that_is_refused_is_one_sentence_and_harms_no_checkpoint(rough):
    rough.ends("train", "tiny.json5", "--set", "output=small", code=0)
    before = weights(rough.path / "small")
    told = rough.ends(
        "train", "--resume", "small", "--set", "epochs=3", code=4,
        mishap=("memory", "small/.metrics.jsonl.aside", 1),
    )  # fmt: skip
    assert "error: There is not enough memory" in told
    assert "Lower batch_size (16)" in told
    assert "go on from it with: vlcli train --resume small" in told
    assert weights(rough.path / "small") == before
    assert json.loads((rough.path / "small/run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.killpg), (signal.SIGTERM, os.kill)],
)
def test_a_signal_finishes_the_step_and_says_how_to_resume(rough, number, send):
    process = rough.start(
        "train", "tiny.json5", *LONGER, "--set", "output=cut", "--set", "num_workers=1"
    )
    hear(process, "step 5/")
    # A terminal's Ctrl-C and a scheduler's SIGTERM reach the loading processes, too.
    send(process.pid, number)
    said, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert "Stopping after this step, with a checkpoint." in told
    assert said == "vlcli train --resume cut\n"
    left = rough.path / "cut"
    step = int(max((left / "checkpoints").glob("step-*")).name.removeprefix("step-"))
    assert f"Stopped after step {step}." in told
    assert json.loads((left / "run.json").read_text())["status"] == "stopped"
    assert not (left / "lock.json").exists()


def test_a_run_is_held_and_a_second_interrupt_leaves_it_at_once(rough):
    process = rough.start(
        "train", "tiny.json5", *LONGER, "--set", "output=cut", mishap=("wait", "step", 6)
    )
    hear(process, "waiting")
    for words in (("--resume", "cut"), ("tiny.json5", "--set", "output=cut")):
        told = rough.ends("train", *words, code=4)
        assert f"error: cut is in use by process {process.pid} on " in told
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert time.monotonic() - began < 20
    assert process.returncode == 130
    assert "Interrupted. Continue with: vlcli train --resume cut" in told
    assert not (rough.path / "cut/lock.json").exists()
    names = {path.name for path in (rough.path / "cut/checkpoints").iterdir()}
    assert names == {"last", "best", "step-000004"}


def test_the_processes_of_one_launch_share_one_lock(rough):
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2",
            "--master_addr", "127.0.0.1", "--master_port", str(free_port()),
            "-m", "vlcli", "train", "tiny.json5", "--set", "output=both", "--set", "train_topk=32",
        ],
        cwd=rough.path, env=rough.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((rough.path / "both/run.json").read_text())["status"] == "finished"
    assert not (rough.path / "both/lock.json").exists()
