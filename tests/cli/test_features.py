"""`vlcli features`: a store out of pictures, and what it says of a damaged one."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from vlcli.data.shards import HEADER
from vlcli.spec.stores import ARRAY, IDS, part_of

from .test_screens import vlcli

ENCODER = ["--encoder", "timm:test_resnet", "--random", "--size", "64", "--device", "cpu"]
BY_ONE = ["--batch-size", "1"]


def test_a_killed_extraction_goes_on_and_a_flipped_bit_is_told(tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "feats"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(40):
        pixels = draw.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    words = ["features", "extract", str(folder), str(out), *ENCODER, *BY_ONE]
    child = subprocess.Popen([sys.executable, "-m", "vlcli", *words], stderr=subprocess.DEVNULL)
    ids = part_of(out) / IDS
    wanted = random.Random(3).randrange(1, 20)
    while child.poll() is None and not (ids.exists() and ids.read_bytes().count(b"\n") >= wanted):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    done = vlcli(*words)
    assert (done.returncode, done.stdout) == (0, f'"feature_type": "stored:{out}"\n')
    assert "of them were extracted before." in done.stderr

    told = vlcli("features", "info", str(out), "--check", "--json")
    facts = json.loads(told.stdout)
    assert (facts["pictures"], facts["tokens"], facts["width"], facts["damaged"]) == (40, 4, 96, {})
    assert facts["encoder"]["encoder"] == "timm:test_resnet"
    told = vlcli("features", "info", str(out))
    assert "4 x 96 float16, grid 2 x 2" in told.stdout
    assert told.stderr == ""
    held = bytearray((out / ARRAY).read_bytes())
    held[HEADER + 100] ^= 1
    (out / ARRAY).write_bytes(held)
    told = vlcli("features", "info", str(out), "--check")
    assert told.returncode == 4
    assert "1 of 40 records are damaged:\n" in told.stderr
    assert "picture 00.png: it has changed since it was written." in told.stderr


def test_features_are_converted_and_what_is_lost_is_said(tmp_path: Path) -> None:
    first, out = tmp_path / "val.h5", tmp_path / "feats"
    with h5py.File(first, "w") as file:
        for number in range(3):
            file[f"{number}/features"] = np.full((4, 5), number + 0.1, np.float32)
            file[f"{number}/words"] = "red"
    done = vlcli("features", "convert", str(first), str(out), "--dtype", "float16")
    assert (done.returncode, done.stdout) == (0, f"{out}\n")
    said = done.stderr.splitlines()
    assert said[0] == (
        "3 pictures, 4 x 5 float32: one h5 for all pictures becomes a feature store in float16."
    )
    assert said[1].startswith("float32 to float16: numbers of up to 2.1 moved by up to 0.0")
    assert said[2] == "Not carried over: words."
    done = vlcli("features", "convert", str(first), str(out))
    assert (done.returncode, done.stderr) == (4, f"error: {out} exists. Name another place.\n")
    facts = json.loads(vlcli("features", "info", str(out), "--json").stdout)
    assert (facts["layout"], facts["dtype"], facts["source"]) == ("store", "float16", str(first))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["extract", "gone", "out", *ENCODER], 4, "gone is not there"),
        (["extract", "a", "out", *ENCODER, "--weights", "x"], 2, "exclude each other"),
        (["extract", "a", "out", *ENCODER, "--on-bad", "ignore"], 2, "--on-bad"),
        (["extract", "a", "out", *ENCODER, "--boxes", "b", "--detector", "c"], 2, "exclude each"),
        (["extract", "a", "out", *ENCODER, "--min-score", "1"], 2, "no effect without --detector"),
        (["extract", "a", "out", *ENCODER, "--layout", "h5-split"], 2, "Add --boxes FILE or"),
        (["extract", "specs", "out", *ENCODER, "--shard-size", "4 m"], 2, "Write bytes, such"),
        (["convert", "a.h5", "b.h5", "--to", "tar"], 4, "There is no file a.h5"),
        (["convert", "a.h5", "b.h5", "--dtype", "float8"], 2, "--dtype"),
        (["info", "gone.tar"], 4, "There is no tar gone.tar."),
        (["info", "gone"], 4, "There is no feature store gone. Make one with `vlcli features"),
    ],
)
def test_wrong_usage_is_a_sentence(words: list[str], code: int, said: str) -> None:
    done = vlcli("features", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
