"""`--engine ray`: shards as tasks of a cluster, each written once whoever is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from logging import ERROR
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from vlcli.data.store import FeatureStore
from vlcli.runs.extract import Extracted, extract
from vlcli.runs.extractor import Wish
from vlcli.spec.problem import UserError
from vlcli.spec.stores import part_of

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
PICTURES = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine."""
    for left in (2, 1, 0):
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=ERROR)
            break
        except Exception as error:  # Ray gives itself 30 seconds, and raises it as it is
            ray.shutdown()
            if "timed out" not in str(error).lower():
                raise
            if not left:
                pytest.skip(f"Ray does not start on this machine: {error}")
    yield
    ray.shutdown()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(PICTURES):
        pixels = draw.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


def run(source: Path, out: Path, **more: Any) -> tuple[Extracted, str]:
    said: list[str] = []
    wish = Wish(source, out, "timm:test_resnet", random=True, size=64, batch_size=2, device="cpu")
    wish = wish._replace(**{"shard_size": "10", "engine": "ray", **more})
    return extract(wish, said.append, lambda done, total: None), "\n".join(said)


def content(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()}


def workers() -> list[psutil.Process]:
    """The processes that fill a shard at this moment."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            found += [each] if "ray::fill_one" in " ".join(each.cmdline()) else []
        except psutil.Error:
            continue
    return found


def test_shards_of_two_workers_are_those_of_one_process(
    cluster: None, pictures: Path, tmp_path: Path
) -> None:
    found, _ = run(pictures, tmp_path / "ray")
    assert (found.whole, found.new, found.records) == (True, PICTURES, PICTURES)
    run(pictures, tmp_path / "here", engine="local")
    assert content(tmp_path / "ray") == content(tmp_path / "here")


def test_a_killed_worker_loses_nothing_and_no_shard_is_written_twice(
    cluster: None, pictures: Path, tmp_path: Path
) -> None:
    out, killed = tmp_path / "ray", list[int]()
    seen: dict[str, int] = {}

    def kill() -> None:
        """One process amid a shard, when another shard is whole."""
        until = time.monotonic() + 120
        while time.monotonic() < until and not killed:
            done = list(part_of(out).glob("features-*.safetensors"))
            begun = [path for path in part_of(out).glob("ids-*") if path.stat().st_size]
            if done and len(begun) > len(done) and (held := workers()):
                seen.update({path.name: path.stat().st_mtime_ns for path in done})
                held[0].kill()
                killed.append(held[0].pid)
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    found, _ = run(pictures, out, batch_size=1, shard_size="2")
    thread.join()
    assert killed
    assert (found.whole, found.new, found.records) == (True, PICTURES, PICTURES)
    assert seen
    assert {name: (out / name).stat().st_mtime_ns for name in seen} == seen
    held = FeatureStore(out)
    assert held.ids == [f"{number:02}.png" for number in range(PICTURES)]
    assert list(held.damaged()) == []
    run(pictures, tmp_path / "here", engine="local", batch_size=1, shard_size="2")
    assert content(out) == content(tmp_path / "here")


def test_a_bad_picture_stops_the_command_or_is_listed(
    cluster: None, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "07.png").write_text("no picture")
    with pytest.raises(UserError, match=r"07\.png is not a picture that can be read\. Mend it"):
        run(pictures, tmp_path / "ray")
    found, said = run(pictures, tmp_path / "ray", on_bad="skip")
    assert "of them were extracted before." in said
    assert (found.records, list(found.bad)) == (PICTURES - 1, ["07.png"])
    assert list(FeatureStore(tmp_path / "ray").damaged()) == []
