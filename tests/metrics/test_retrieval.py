"""Recall at k: by hand, against a plain topk, and as recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vlcli.metrics.retrieval import Pairs, chance, ranks, recall

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"


def test_ranks_by_hand() -> None:
    images = torch.eye(3)
    texts = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0.5, 0.1, 0], [0, 0, 0.2]])
    found = ranks(images, texts, Pairs.of(torch.tensor([0, 1, 1, 2])))
    assert found.of_images.tolist() == [0, 0, 0]
    assert found.of_texts.tolist() == [0, 0, 1, 0]
    assert (recall(found.of_texts, 1), recall(found.of_texts, 5)) == (75.0, 100.0)


def test_equal_vectors_find_nothing() -> None:
    same = torch.ones(4, 2)
    found = ranks(same, same, Pairs.of(torch.arange(4)))
    assert recall(found.of_images, 1) == recall(found.of_texts, 1) == 0.0


def test_a_picture_without_text_is_a_candidate_and_no_query() -> None:
    found = ranks(torch.eye(3), torch.eye(3)[:2], Pairs.of(torch.tensor([0, 1])))
    assert found.of_images.tolist() == [0, 0, -1]
    assert recall(found.of_images, 1) == 100.0


def test_recall_is_that_of_topk() -> None:
    torch.manual_seed(0)
    images, texts = torch.randn(40, 8), torch.randn(200, 8)
    owner = torch.arange(200) % 40
    found = ranks(images, texts, Pairs.of(owner))
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


TORCHMETRICS = {1: (0.0, 2.5), 5: (10.0, 7.5), 10: (23.0, 20.0)}  # RetrievalHitRate 1.9.0, percent


@pytest.mark.parametrize("k", TORCHMETRICS)
def test_recall_is_the_hit_rate_of_torchmetrics(k: int) -> None:
    torch.manual_seed(0)
    images, texts = torch.randn(40, 8), torch.randn(200, 8)
    found = ranks(images, texts, Pairs.of(torch.arange(200) % 40))
    ours = (recall(found.of_texts, k), recall(found.of_images, k))
    assert ours == pytest.approx(TORCHMETRICS[k], abs=1e-6)


def test_equal_texts_are_one_that_is_right_for_each_of_their_pictures() -> None:
    images = torch.eye(2)
    texts = torch.tensor([[1.0, 0.9], [1.0, 0.9], [0.0, 1.0]])
    pairs = Pairs.of(torch.tensor([0, 1, 1]), torch.tensor([5, 5, 7]))
    assert [each.tolist() for each in pairs.rights(2)] == [[1, 2], [2, 1]]
    found = ranks(images, texts, pairs)
    assert found.of_images.tolist() == [0, 0]
    assert found.of_texts.tolist() == [0, 0, 0]
    apart = ranks(images, texts, Pairs.of(torch.tensor([0, 1, 1])))
    assert apart.of_images.tolist() == [1, 0]
    assert apart.of_texts.tolist() == [0, 1, 0]


def test_chance() -> None:
    assert chance(torch.ones(40), 40, 10) == pytest.approx(25.0)
    assert chance(torch.tensor([1, 1, 1, 1]), 4, 1) == pytest.approx(25.0)
    assert chance(torch.tensor([2, 2, 0]), 4, 1) == pytest.approx(50.0)
    assert chance(torch.tensor([2, 2]), 4, 3) == pytest.approx(100.0)
    assert chance(torch.tensor([5] * 200), 1000, 5) == pytest.approx(2.476, abs=1e-2)


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in {FOLDER}")
def test_recorded_recall() -> None:
    held = load_file(FOLDER / "evaluation.safetensors")
    wanted = json.loads((FOLDER / "evaluation.json").read_text())["retrieval"]["recall"]
    images, texts = held["in.retrieval.image"], held["in.retrieval.text"]
    pairs = Pairs.of(held["in.retrieval.image_of_text"])
    found = ranks(images, texts, pairs)
    for ranked, name in ((found.of_texts, "text2image"), (found.of_images, "image2text")):
        for k in (1, 5, 10):
            assert recall(ranked, k) == pytest.approx(wanted[f"{name}-R@{k}"], abs=1e-4)
