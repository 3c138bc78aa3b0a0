"""How far two rows of numbers go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """The correlation of ranks, equal numbers sharing theirs; NaN where all are equal."""
    return pearson(_ranks(one), _ranks(other))


def pearson(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """The correlation of the numbers themselves; NaN where all are equal."""
    a, b = (np.asarray(each, np.float64) - np.mean(each) for each in (one, other))
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else float("nan")


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, place, many = np.unique(
        np.asarray(values, np.float64), return_inverse=True, return_counts=True
    )
    ends = np.cumsum(many)
    return (ends - (many - 1) / 2)[place]
