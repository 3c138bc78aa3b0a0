"""Embeddings of a trained run, as a store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

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
