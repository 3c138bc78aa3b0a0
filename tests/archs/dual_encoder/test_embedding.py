"""Embeddings of a trained run, as a store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.archs.dual_encoder.small import reading, trained
from vlcli.data.store import FeatureStore
from vlcli.runs.folder import RunFolder
from vlcli.runs.predict import predict_one

TEXTS = ("a red circle", "two blue squares")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("embedded") / "run"
    trained(folder)
    return RunFolder(folder)


def extract(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vlcli", "features", "extract", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_pictures_and_texts_are_stored_in_the_common_space(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    Image.new("RGB", (80, 60), "red").save(tmp_path / "seen/a.png")
    (tmp_path / "said.jsonl").write_text(json.dumps({"id": "x", "captions": TEXTS}))
    asked = ("--encoder", f"run:{run.path}", "--dtype", "float32")
    done = extract(tmp_path / "seen", tmp_path / "pictures", *asked)
    assert done.returncode == 0, done.stderr
    done = extract(tmp_path / "said.jsonl", tmp_path / "texts", *asked, "--texts")
    assert done.returncode == 0, done.stderr
    image = torch.tensor(FeatureStore(tmp_path / "pictures").read("a.png"))[0]
    texts = [torch.tensor(FeatureStore(tmp_path / "texts").read(f"x#{n}"))[0] for n in (0, 1)]
    assert image.norm() == pytest.approx(1, abs=1e-5)
    shown = predict_one(run, reading().spec, [tmp_path / "seen/a.png"], TEXTS)
    said = {line.partition("  ")[2]: float(line.partition("  ")[0]) for line in shown}
    for text, vector in zip(TEXTS, texts, strict=True):
        assert said[text] == pytest.approx(float(image @ vector), abs=6e-4)


def test_what_a_run_cannot_do_is_told(run: RunFolder, tmp_path: Path) -> None:
    encoder = ("--encoder", f"run:{run.path}")
    for words, sentence in (
        ((tmp_path, tmp_path / "out", *encoder, "--random"), "exclude each other"),
        ((tmp_path, tmp_path / "out", "--encoder", "timm:test_vit", "--texts"), "has no effect"),
        ((tmp_path, tmp_path / "out", "--encoder", "run:nobody"), 'There is no run "nobody"'),
    ):
        done = extract(*words)
        assert done.returncode in (2, 4)
        assert sentence in done.stderr


def test_heads_of_stored_features_go_on_with_the_tower_that_made_them(tmp_path: Path) -> None:
    weights = tmp_path / "tower.safetensors"
    torch.manual_seed(1)
    save_file(timm.create_model("test_convnext").state_dict(), weights)
    rng = np.random.default_rng(0)
    lines = []
    for number in range(12):
        pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        lines.append(json.dumps({"image": f"{number}.png", "captions": [f"picture {number}"]}))
    records = tmp_path / "records.jsonl"
    records.write_text("\n".join(lines))
    encoder = ("--encoder", "timm:test_convnext", "--weights", weights, "--size", 64)
    asked = (*encoder, "--pool", "pooled", "--dtype", "float32")
    done = extract(records, tmp_path / "store", *asked)
    assert done.returncode == 0, done.stderr

    splits = dict.fromkeys(("train", "valid", "test"), str(records)) | {"dataset": None}
    stored = {"image_model_builder": "stored", "image_model": str(tmp_path / "store")}
    first = trained(tmp_path / "first", **splits, **stored, epochs=4)
    seeing = {**splits, "load": str(tmp_path / "first"), "image_weights": str(weights)}
    then = trained(tmp_path / "then", **seeing, test_only=True)
    assert then.evaluations[0].scores == first.evaluations[0].scores
    random = trained(tmp_path / "random", **{**seeing, "image_weights": None}, test_only=True)
    assert random.evaluations[0].scores != first.evaluations[0].scores
