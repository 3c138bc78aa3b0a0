"""Recall at k: by hand, against a plain topk, and as recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from vlcli.metrics.retrieval import chance_of_images, chance_of_texts, ranks, recall

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"


def test_ranks_by_hand() -> None:
    images = torch.eye(3)
    texts = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.1, 0], [0, 0, 0.2]])
    found = ranks(images, texts, torch.tensor([0, 1, 1, 2]))
    assert found.of_images.tolist() == [0, 0, 0]
    assert found.of_texts.tolist() == [0, 0, 1, 0]
    assert (recall(found.of_texts, 1), recall(found.of_texts, 5)) == (75.0, 100.0)


def test_equal_vectors_find_nothing() -> None:
    same = torch.ones(4, 2)
    found = ranks(same, same, torch.arange(4))
    assert recall(found.of_images, 1) == recall(found.of_texts, 1) == 0.0


def test_a_picture_without_text_is_a_candidate_and_no_query() -> None:
    found = ranks(torch.eye(3), torch.eye(3)[:2], torch.tensor([0, 1]))
    assert found.of_images.tolist() == [0, 0, -1]
    assert recall(found.of_images, 1) == 100.0


def test_recall_is_that_of_topk() -> None:
    torch.manual_seed(0)
    images, texts = torch.randn(40, 8), torch.randn(200, 8)
    owner = torch.arange(200) % 40
    found = ranks(images, texts, owner)
    for k in (1, 5, 10):
        top = (texts @ images.T).topk(k).indices
        assert recall(found.of_texts, k) == pytest.approx(
            100 * (top == owner[:, None]).any(1).double().mean().item(), abs=1e-6
        )
        top = (images @ texts.T).topk(k).indices
        hit = (owner[top] == torch.arange(40)[:, None]).any(1)
        assert recall(found.of_images, k) == pytest.approx(
            100 * hit.double().mean().item(), abs=1e-6
        )


def test_chance() -> None:
    assert chance_of_texts(40, 10) == 25.0
    assert chance_of_images(torch.tensor([1, 1, 1, 1]), 1) == pytest.approx(25.0)
    assert chance_of_images(torch.tensor([2, 2]), 1) == pytest.approx(50.0)
    assert chance_of_images(torch.tensor([2, 2]), 3) == pytest.approx(100.0)
    assert chance_of_images(torch.tensor([5] * 200), 5) == pytest.approx(2.476, abs=1e-2)


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in {FOLDER}")
def test_recorded_recall() -> None:
    held = load_file(FOLDER / "evaluation.safetensors")
    wanted = json.loads((FOLDER / "evaluation.json").read_text())["retrieval"]["recall"]
    images, texts = held["in.retrieval.image"], held["in.retrieval.text"]
    found = ranks(normalize(images), normalize(texts), held["in.retrieval.image_of_text"])
    plain = ranks(images, texts, held["in.retrieval.image_of_text"])
    near = [
        all(
            abs(recall(getattr(each, f"of_{side}"), k) - wanted[f"{name}-R@{k}"]) < 1e-4
            for k in (1, 5, 10)
            for side, name in (("texts", "text2image"), ("images", "image2text"))
        )
        for each in (found, plain)
    ]
    assert any(near)
