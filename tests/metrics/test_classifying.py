"""Classes of vectors: as recorded, as open_clip and scikit-learn have them, and by plain loops."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from open_clip import build_zero_shot_classifier
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from vlcli.metrics.classifying import (
    Linear,
    accuracy,
    class_vectors,
    mean_per_class,
    neighbours,
)
from vlcli.metrics.correlation import pearson, spearman

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("VLCLI_PARITY_DIR", ROOT / "../shared/parity")) / "itra"
recorded = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recordings in {FOLDER}")
TEMPLATES = ("a {}.", "the small {}.", "no {}?")
NAMES = ("cat", "dog", "old bird", "fish")


class Letters(nn.Module):
    """Texts by the letters they have."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.of = nn.Embedding(128, 6)

    def encode_text(self, letters: Tensor, normalize: bool = False) -> Tensor:
        found = self.of(letters).sum(1)
        return nn.functional.normalize(found, dim=-1) if normalize else found


def letters(texts: Any) -> Tensor:
    return torch.tensor([[ord(each) for each in text.ljust(20)] for text in texts])


def test_classes_are_those_of_open_clip() -> None:
    model = Letters()
    wanted = build_zero_shot_classifier(
        model, letters, NAMES, [lambda name, t=t: t.format(name) for t in TEMPLATES]
    )
    texts = [template.format(name) for name in NAMES for template in TEMPLATES]
    owners = torch.arange(4).repeat_interleave(3)
    found = class_vectors(model.encode_text(letters(texts), normalize=True), owners, 4)
    torch.testing.assert_close(found.T, wanted, atol=1e-6, rtol=0)


@recorded
def test_recorded_classes_of_both_kinds() -> None:
    held = load_file(FOLDER / "evaluation.safetensors")
    texts = held["in.zeroshot.template_embeddings"]
    owners = torch.arange(len(texts)).repeat_interleave(texts.shape[1])
    flat = texts.flatten(0, 1)
    for name, rows in (("openclip", normalize(flat, dim=-1)), ("itra", flat)):
        found = class_vectors(rows, owners, len(texts))
        torch.testing.assert_close(found.T, held[f"out.zeroshot.{name}"], atol=1e-9, rtol=0)


@recorded
def test_recorded_accuracies() -> None:
    held = load_file(FOLDER / "evaluation.safetensors")
    wanted = json.loads((FOLDER / "evaluation.json").read_text())
    scores, labels = held["in.acc.scores"], held["in.acc.labels"]
    assert accuracy(scores, labels) == pytest.approx(wanted["accuracy"]["top1"])
    assert mean_per_class(scores, labels) == pytest.approx(wanted["accuracy"]["mean_per_class"])
    knn = wanted["knn"]
    learned, known, asked, right = (
        held[f"in.knn.{part}_{axis}"] for part in ("train", "test") for axis in "xy"
    )
    votes = neighbours(learned, known, asked, knn["k"], knn["num_classes"])
    assert accuracy(votes, right) == pytest.approx(knn["accuracy"])


def test_neighbours_vote_as_in_a_plain_loop() -> None:
    torch.manual_seed(0)
    learned, asked = torch.randn(30, 4), torch.randn(7, 4)
    labels = torch.arange(30) % 3
    found = neighbours(learned, labels, asked, 5, 3)
    for row, one in zip(found, asked, strict=True):
        near = torch.stack([torch.cosine_similarity(one, each, dim=0) for each in learned])
        votes = [0.0] * 3
        for place in near.argsort(descending=True)[:5].tolist():
            votes[int(labels[place])] += float((near[place] / 0.07).exp())
        assert row.tolist() == pytest.approx(votes, rel=1e-4)
    assert neighbours(learned[:3], labels[:3], asked, 5, 3).shape == (7, 3)


@pytest.mark.parametrize(
    ("many", "cost", "wanted"),  # predict_proba of scikit-learn 1.9.1 (tol 1e-12), row 17
    [
        (2, 0.1, [0.4980786029, 0.5019213971]),
        (2, 3.16, [0.5044068722, 0.4955931278]),
        (4, 0.1, [0.2860751336, 0.227340252, 0.2117210676, 0.2748635468]),
        (4, 3.16, [0.2967139947, 0.2146259033, 0.2113890161, 0.2772710859]),
    ],
)
def test_the_probe_is_the_logistic_regression_of_scikit_learn(
    many: int, cost: float, wanted: list[float]
) -> None:
    number = torch.arange(60 * 5).double().reshape(60, 5)
    rows = torch.sin(number * 1.7) + torch.cos(number * number * 0.01)
    probe = Linear(rows, (torch.arange(60) * 7 // 3) % many, cost, many)
    assert probe(rows).softmax(1)[17].tolist() == pytest.approx(wanted, abs=2e-5)


def test_labels_that_no_class_has_are_wrong() -> None:
    scores = torch.eye(2)
    assert accuracy(scores, torch.tensor([0, -1])) == 50.0
    assert accuracy(scores, torch.tensor([1, 0])) == 0.0
    assert accuracy(scores, torch.tensor([1, 0]), 5) == 100.0


def test_correlations_are_those_of_scipy() -> None:
    one, other = [1, 2, 2, 3, 5, 5, 5, 0.5, 9, 2], [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    assert spearman(one, other) == pytest.approx(0.14421834337345898, abs=1e-12)  # scipy 1.17.1
    assert pearson(one, other) == pytest.approx(0.27095038773883173, abs=1e-12)
    assert spearman(one, [-each for each in one]) == pytest.approx(-1.0)
