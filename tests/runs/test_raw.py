"""Runs whose model looks at pictures itself, beside runs on features that are there already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlcli.data import shapes
from vlcli.runs.extract import extract
from vlcli.runs.extractor import Wish
from vlcli.runs.train import Outcome, Plan, train
from vlcli.runtime.progress import screen_for
from vlcli.spec.read import read_spec_text

ROOT = Path(__file__).resolve().parents[2]
TOWER = "timm:test_resnet"
SIDE = 64
FEW = {"pretrain": 4}  # pictures, of which each has many examples
RAW: dict[str, Any] = {
    **{"feature_type": f"raw:{TOWER}", "vis_weights": "random", "image_size": SIDE},
    "freeze_bn_statistics": True,
}
AUGMENTED: dict[str, Any] = {"use_data_augmentation": True}
SPEC: dict[str, Any] = {
    **{"backbone": "t5-tiny", "from_scratch": True, "tokenizer": "train"},
    **{"unfreeze_language_model": True, "dropout": 0.0, "gen_max_length": 8, "seed": 3},
    **{"batch_size": 8, "epochs": 2, "lr": 0.003, "log_every": 1, "num_workers": 0},
}


@pytest.fixture(autouse=True)
def _cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def lay_out(folder: Path, task: str) -> Path:
    """Drawn pictures of a task as files, and its records beside them."""
    data, rows = shapes.load(), []
    records = data.records("train", task)
    if task == "pretrain":  # regions beside whole pictures
        records = [each for each in records if each.get("boxes")]
    for record in records[: FEW.get(task, 24)]:
        images = record["image"] if isinstance(record["image"], list) else [record["image"]]
        names = [f"{image.replace('/', '-')}.png" for image in images]
        for image, name in zip(images, names, strict=True):
            Image.fromarray(data.pictures.open(image)).save(folder / name)
        rows.append({**record, "image": names if len(names) > 1 else names[0], "split": "train"})
    own = folder / "own.jsonl"
    own.write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *_valid(rows)]))
    return own


def _valid(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "id": f"{row['id']} again", "split": "valid"} for row in rows[:4]]


def run(values: Mapping[str, Any], output: Path) -> Outcome:
    reading = read_spec_text(json.dumps({**SPEC, **values, "output": str(output)}))
    assert reading.spec is not None, reading.problems
    plan = Plan(reading.spec, json.dumps(values), "raw", reading.written, "")
    return train(plan, screen_for(False, None))


def losses(outcome: Outcome) -> list[float]:
    """Of every step."""
    rows = map(json.loads, (outcome.run.path / "metrics.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if "loss" in row]


@pytest.mark.parametrize("task", ["vqa", "nlvr", "refcoco", "pretrain"])
def test_a_raw_run_equals_one_on_features_of_the_same_tower(task: str, tmp_path: Path) -> None:
    """Grids, two pictures, regions, and both in one batch."""
    own = lay_out(tmp_path, task)
    wish = Wish(tmp_path, tmp_path / "feats", TOWER, random=True, size=SIDE, dtype="float32")
    extract(wish._replace(device="cpu"), lambda _: None, lambda done, total: None)
    values = {"task": task, "train": str(own), "valid": str(own)}
    values |= {"losses": "lm,qa,refer,ground_caption"} if task == "pretrain" else {}
    raw = losses(run({**values, **RAW}, tmp_path / "raw"))
    stored = losses(
        run({**values, "feature_type": f"stored:{tmp_path / 'feats'}"}, tmp_path / "stored")
    )
    assert len(raw) >= 6
    assert raw == pytest.approx(stored, abs=1e-5)
    assert raw[-1] < raw[0]


def test_training_on_changed_pictures_repeats_itself_with_any_number_of_processes(
    tmp_path: Path,
) -> None:
    own = lay_out(tmp_path, "refcoco")
    values = {"task": "refcoco", "train": str(own), "valid": str(own), **RAW, "epochs": 1}
    plain = losses(run(values, tmp_path / "plain"))
    once, again = (
        losses(run({**values, **AUGMENTED, "num_workers": many}, tmp_path / f"{many}"))
        for many in (0, 2)
    )
    assert once == again
    assert len(plain) == len(once) == 3
    assert once != pytest.approx(plain, abs=1e-4)
