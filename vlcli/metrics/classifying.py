"""Classes of vectors: by the texts of classes, by neighbours, and by a linear probe.

N learned vectors, M asked ones, T texts, C classes, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

TEMPERATURE = 0.07  # of neighbours' votes (Wu et al. 2018)
ROWS = 1024  # vectors that are compared at a time
STEPS = 1000  # of L-BFGS, at most


def class_vectors(texts: Tensor, classes: Tensor, many: int) -> Tensor:
    """(C, D) of length 1: the mean of each class's texts (T, D), which `classes` (T) number."""
    sums = texts.new_zeros(many, texts.shape[1]).index_add_(0, classes, texts)
    return normalize(sums, dim=-1)


def neighbours(learned: Tensor, labels: Tensor, asked: Tensor, k: int, many: int) -> Tensor:
    """Votes (M, C) of the k nearest by cosine, each of exp(cosine / TEMPERATURE)."""
    learned = normalize(learned, dim=-1)
    votes = []
    for rows in normalize(asked, dim=-1).split(ROWS):
        near = (rows @ learned.T).topk(min(k, len(learned)))
        weights = (near.values / TEMPERATURE).exp()
        votes.append(
            weights.new_zeros(len(rows), many).scatter_add_(1, labels[near.indices], weights)
        )
    return torch.cat(votes)


class Linear:
    """A linear classifier: the minimum of C times the sum of cross-entropies and half the squared
    weights (biases are free), found by L-BFGS in double precision. Two classes have one vector of
    weights, as usual."""

    def __init__(self, learned: Tensor, labels: Tensor, cost: float, many: int) -> None:
        learned = learned.double()
        rows = 1 if many == 2 else many
        self.weights = torch.zeros(rows, learned.shape[1], dtype=torch.double, requires_grad=True)
        self.bias = torch.zeros(rows, dtype=torch.double, requires_grad=True)
        search = torch.optim.LBFGS(
            (self.weights, self.bias),
            max_iter=STEPS,
            tolerance_grad=1e-7,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            search.zero_grad()
            loss = cross_entropy(self(learned), labels)
            loss = loss + self.weights.square().sum() / (2 * cost * len(learned))
            loss.backward()
            return loss

        with torch.enable_grad():
            search.step(closure)

    def __call__(self, asked: Tensor) -> Tensor:
        """Scores (M, C)."""
        found = asked.double() @ self.weights.T + self.bias
        return torch.cat([torch.zeros_like(found), found], 1) if len(self.bias) == 1 else found


def accuracy(scores: Tensor, labels: Tensor, k: int = 1) -> float:
    """The percentage of rows (M, C) whose label (-1: none of the classes) is among the first k."""
    top = scores.topk(min(k, scores.shape[1])).indices
    return 100 * float((top == labels[:, None]).any(1).double().mean())


def mean_per_class(scores: Tensor, labels: Tensor) -> float:
    """The mean over the classes that occur of the percentage of their rows that are right."""
    right = (scores.argmax(1) == labels).double()
    return 100 * float(
        torch.stack([right[labels == each].mean() for each in labels.unique()]).mean()
    )
