"""A tiny CLIP learns which picture is meant, and a stopped run ends as one that never stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from tests.runs.small import run
from vlcli.runs.folder import RunFolder
from vlcli.runtime.weights import read_weights
from vlcli.spec.read import read_spec_text

COLORS = ("red", "green", "blue", "yellow", "white", "cyan", "purple", "orange")
PLACES = {"northwest": (0, 0), "northeast": (16, 0), "southwest": (0, 16), "southeast": (16, 16)}
STEPS = 150
CONFIG: dict[str, Any] = {
    "embed_dim": 64,
    "vision_cfg": {
        **{"image_size": 32, "layers": 3, "width": 64, "patch_size": 8},
        "head_width": 16,
    },
    "text_cfg": {"context_length": 16, "width": 64, "heads": 4, "layers": 3},
}
SPEC: dict[str, Any] = {
    **{"task": "alignment", "image_model": "tiny-ViT", "text_model": "tiny-ViT"},
    **{"image_resolution": 32, "batch_size": 32, "lr": 1e-3},
    **{"weight_decay": 0.1, "optim": "adamw", "device": "cpu", "log_every": 1},
    **{"epochs": 2, "episode_size": 32 * STEPS // 2, "lr_schedule": "constant"},
    **{"warmup_ratio": 0.1, "adam_beta2": 0.98},
}


def drawn(folder: Path, name: str, seed: int) -> str:
    """32 pictures of a colored square on gray noise, with a caption each."""
    rng = np.random.default_rng(seed)
    lines = []
    for color in COLORS:
        for place, corner in PLACES.items():
            picture = Image.fromarray(rng.integers(114, 124, (32, 32, 3), dtype=np.uint8))
            picture.paste(Image.new("RGB", (16, 16), color), corner)
            image = f"{name}-{len(lines)}.png"
            picture.save(folder / image)
            lines.append({"image": image, "captions": [f"a {color} square in the {place}"]})
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("end")
    (found / "tiny-ViT.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(found)
    return found


def test_it_learns_and_resumes_to_the_bit(folder: Path) -> None:
    spec = SPEC | {"train": drawn(folder, "train", 0), "valid": drawn(folder, "fresh", 1)}
    reading = read_spec_text(json.dumps(spec), "end")
    whole = run(reading, folder / "whole")
    losses = logged(folder / "whole")
    assert len(losses) == STEPS
    assert losses[0] == pytest.approx(np.log(32), abs=0.7)
    assert losses[-1] <= 0.05
    (found,) = whole.evaluations
    assert found.scores["R@1"] == 100

    shutil.copytree(folder / "whole", folder / "half")
    held = (folder / "half/checkpoints").glob("step-*")
    half, last = sorted(held, key=lambda each: int(each.name.removeprefix("step-")))
    assert int(half.name.removeprefix("step-")) == STEPS // 2
    shutil.rmtree(last)
    for pointer in (folder / "half/checkpoints").iterdir():
        if pointer.is_file():
            pointer.write_text(f"{half.name}\n")
    run(reading, folder / "half", RunFolder(folder / "half"))
    one, other = (weights(folder / name) for name in ("whole", "half"))
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def logged(folder: Path) -> list[float]:
    """The losses of all steps."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    last = max((folder / "checkpoints").glob("step-*"), key=lambda each: int(each.name[5:]))
    return read_weights(last / "weights.safetensors")
