"""Features of a frozen tower are computed once, whoever asks for them, and change no loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.runtime.test_parallel import free_port
from vlcli.runs.lock import Turn

from .test_raw import RAW, ROOT, SIDE, SPEC, TOWER, lay_out, losses, run

ONCE = {**RAW, "cache_features": True, "epochs": 1}


@pytest.fixture
def values(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Of a run on a few drawn pictures, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "data").mkdir()
    own = lay_out(tmp_path / "data", "vqa")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return {"task": "vqa", "train": str(own), "valid": str(own), **ONCE}


def said(folder: Path) -> str:
    (log,) = folder.rglob("log.txt")
    return log.read_text()


def stores(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / "vlcli").glob("features-*"))


def test_losses_are_those_of_a_raw_run_and_a_second_run_computes_nothing(
    values: dict[str, Any], tmp_path: Path
) -> None:
    raw = losses(run({**values, "cache_features": False}, tmp_path / "raw"))
    first = losses(run(values, tmp_path / "first"))
    (store,) = stores(tmp_path)
    before = store.stat().st_mtime_ns
    second = losses(run(values, tmp_path / "second"))
    assert raw == pytest.approx(first, abs=1e-5)
    assert first == second
    many = len(list((tmp_path / "data").glob("*.png")))
    assert f"The features of {many} pictures by {TOWER} took" in said(tmp_path / "first")
    assert f"by {TOWER} are read from {store}" in said(tmp_path / "second")
    assert "took" not in said(tmp_path / "second")
    assert (stores(tmp_path), store.stat().st_mtime_ns) == ([store], before)


def test_regions_are_looked_at_in_kept_features(
    values: dict[str, Any], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (tmp_path / "refcoco").mkdir()
    own = lay_out(tmp_path / "refcoco", "refcoco")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked = {**values, "task": "refcoco", "train": str(own), "valid": str(own), "num_workers": 1}
    kept = losses(run(asked, tmp_path / "kept"))
    raw = losses(run({**asked, "cache_features": False}, tmp_path / "raw"))
    assert raw == pytest.approx(kept, abs=1e-5)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"unfreeze_vis_encoder": True}, "the image tower trains from its beginning"),
        ({"use_data_augmentation": True}, "pictures are changed"),
        ({"freeze_bn_statistics": False}, "the batch norms of the image tower follow what they"),
    ],
)
def test_features_that_do_not_stay_the_same_are_not_kept(
    values: dict[str, Any], more: dict[str, Any], why: str, tmp_path: Path
) -> None:
    run({**values, **more, "train_topk": 8}, tmp_path / "run")
    assert f"cache_features has no effect: {why}" in said(tmp_path / "run")
    assert stores(tmp_path) == []


@pytest.mark.parametrize(
    ("encoder", "more", "stage"),
    [
        ("timm:test_resnet", {"unfreeze_vis_last_layer": True}, "layer4"),
        ("timm:test_resnet", {"use_vis_adapter": True}, "layer3"),
        (
            "timm:test_vit",
            {"unfreeze_vis_last_layer": True, "vis_pooling_output": True},
            "blocks.5",
        ),
        ("timm:test_efficientnet", {"unfreeze_vis_last_layer": True}, "blocks.4"),
    ],
)
def test_what_enters_the_part_that_learns_is_kept(
    values: dict[str, Any], encoder: str, more: dict[str, Any], stage: str, tmp_path: Path
) -> None:
    partly = {**values, **more, "feature_type": f"raw:{encoder}", "train_topk": 16, "epochs": 2}
    whole = losses(run({**partly, "cache_features": False}, tmp_path / "whole"))
    kept = losses(run(partly, tmp_path / "kept"))
    assert whole == pytest.approx(kept, abs=1e-5)
    frozen = losses(
        run(
            {
                **values,
                "feature_type": f"raw:{encoder}",
                "train_topk": 16,
                "epochs": 2,
                **{key: value for key, value in more.items() if key == "vis_pooling_output"},
            },
            tmp_path / "frozen",
        )
    )
    assert frozen != pytest.approx(kept, abs=1e-5)
    assert f"by {encoder} up to {stage} took" in said(tmp_path / "kept")


def test_regions_and_two_pictures_go_on_from_what_is_kept(
    values: dict[str, Any], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in ("refcoco", "nlvr"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        (tmp_path / task).mkdir()
        own = str(lay_out(tmp_path / task, task))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        partly = {
            **values,
            "task": task,
            "train": own,
            "valid": own,
            "unfreeze_vis_last_layer": True,
        }
        whole = losses(run({**partly, "cache_features": False}, tmp_path / task / "whole"))
        kept = losses(run(partly, tmp_path / task / "kept"))
        assert whole == pytest.approx(kept, abs=1e-5)
        assert "up to layer4 took" in said(tmp_path / task / "kept")


def test_another_picture_another_tower_and_damage_are_computed_anew(
    values: dict[str, Any], tmp_path: Path
) -> None:
    few = {**values, "train_topk": 8}
    run(few, tmp_path / "1")
    (first,) = stores(tmp_path)
    (first / "index.json").write_text("{}")
    run(few, tmp_path / "2")
    assert "took" in said(tmp_path / "2")
    assert stores(tmp_path) == [first]
    for picture in (tmp_path / "data").glob("*.png"):
        Image.new("RGB", (SIDE, SIDE), "red").save(picture)
    run(few, tmp_path / "3")
    run({**few, **RAW, "feature_type": "raw:timm:test_vit"}, tmp_path / "4")
    assert len(stores(tmp_path)) == 3


def start(
    values: Mapping[str, Any], folder: Path, name: str, launcher: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    spec = folder / f"{name}.json5"
    spec.write_text(json.dumps({**SPEC, **values, "output": str(folder / name)}))
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "vlcli", "train", str(spec)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_runs_at_once_and_processes_of_a_run_compute_once(
    values: dict[str, Any], tmp_path: Path
) -> None:
    two = ("-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}")
    few = {**values, "train_topk": 8, "valid_topk": 2}
    processes = [start(few, tmp_path, "one"), start(few, tmp_path, "both", two)]
    for process in processes:
        told, _ = process.communicate(timeout=280)
        assert process.returncode == 0, told
    (store,) = stores(tmp_path)
    took = ["took" in said(tmp_path / name) for name in ("one", "both")]
    assert sorted(took) == [False, True]
    last = said(tmp_path / ("both" if took[0] else "one"))
    assert f"are read from {store}" in last


def test_one_waits_for_the_other(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "lock"
    code = (
        "import sys, time; from pathlib import Path; from vlcli.runs.lock import Turn\n"
        "with Turn(Path(sys.argv[1])) as turn:\n"
        "    print(turn.now(), flush=True); time.sleep(1)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    waited: list[bool] = []
    with Turn(path) as turn:
        assert not turn.now()
        turn.take(lambda: waited.append(other.poll() is None))
        assert turn.now()
        assert other.wait(5) == 0
    assert waited == [True]
