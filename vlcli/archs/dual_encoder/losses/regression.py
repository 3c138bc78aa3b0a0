"""Losses that bring the features of the two sides together without wrong pairs.

N pairs of the step, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .pairs import Loss, Pairs, normalised

SHARE = 0.0051  # of what Barlow Twins gives to correlations off the diagonal
NORM_EPS = 1e-5  # as batch norms have it


class SimReg(Loss):
    """The mean squared difference of normalised features."""

    distance: Callable[..., Tensor] = staticmethod(functional.mse_loss)

    def forward(self, pairs: Pairs) -> Tensor:
        learner, target = normalised(pairs.learner), normalised(pairs.target)
        return type(self).distance(learner[pairs.own], target[pairs.own])


class SimRegL1(SimReg):
    distance = staticmethod(functional.l1_loss)


class SimRegSmoothL1(SimReg):
    distance = staticmethod(functional.smooth_l1_loss)


class VICReg(Loss):
    """25 MSE + 25/2 sum_z mean relu(1 - sqrt(var z + 1e-4)) + sum_z sum_{i!=j} cov_ij^2 / D, of
    normalised features, as published there (Bardes et al. 2022 do not normalise)."""

    def forward(self, pairs: Pairs) -> Tensor:
        learner, target = normalised(pairs.learner), normalised(pairs.target)
        alike = functional.mse_loss(learner, target)
        centred = [each - each.mean(0) for each in (learner, target)]
        spread = sum(functional.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() for z in centred)
        apart = sum(_off_diagonal(z.T @ z / (len(z) - 1)).pow(2).sum() for z in centred)
        return 25 * alike + 25 * spread / 2 + apart / centred[0].shape[1]


class BarlowTwins(Loss):
    """sum_i (C_ii - 1)^2 + 0.0051 sum_{i!=j} C_ij^2, C the correlation of the two sides over the
    batch (Zbontar et al. 2021).

    `legacy_barlow` is the published ITRA: rows, then columns brought to length 1, and C divided by
    N once more, so that its diagonal can never be 1.
    """

    def __init__(self, width: int, args: Any) -> None:
        super().__init__(width, args)
        self.legacy = args.legacy_barlow

    def forward(self, pairs: Pairs) -> Tensor:
        sides = (pairs.learner, pairs.target)
        if self.legacy:
            learner, target = (functional.normalize(normalised(each), dim=0) for each in sides)
        else:
            learner, target = (
                functional.batch_norm(each, None, None, training=True, eps=NORM_EPS)
                for each in sides
            )
        C_DD = target.T @ learner / len(learner)
        return (C_DD.diagonal() - 1).pow(2).sum() + SHARE * _off_diagonal(C_DD).pow(2).sum()


class RKD(Loss):
    """w_d smoothL1(d_s / mean d_s, d_t / mean d_t) + w_a smoothL1(angles of s, angles of t), of
    distances between examples and angles among three of them (Park et al. 2019)."""

    def __init__(self, width: int, args: Any) -> None:
        super().__init__(width, args)
        self.distance, self.angle = args.w_rkd_d, args.w_rkd_a

    def forward(self, pairs: Pairs) -> Tensor:
        learner, target = normalised(pairs.learner), normalised(pairs.target)
        total = learner.new_zeros(())
        if self.distance:
            found = functional.smooth_l1_loss(_distances(learner), _distances(target))
            total = total + self.distance * found
        if self.angle:
            total = total + self.angle * functional.smooth_l1_loss(
                _angles(learner), _angles(target)
            )
        return total


def _off_diagonal(square: Tensor) -> Tensor:
    return square - torch.diag(square.diagonal())


def _distances(rows: Tensor) -> Tensor:
    """(N, N), divided by the mean of those above 0."""
    squares = rows.pow(2).sum(1)
    found = (squares[:, None] + squares[None] - 2 * rows @ rows.T).clamp_min(1e-12).sqrt()
    found = found * (1 - torch.eye(len(rows), dtype=rows.dtype, device=rows.device))
    return found / found[found > 0].mean()


def _angles(rows: Tensor) -> Tensor:
    """(N, N, N): the cosine at i between j and k."""
    sides_NND = functional.normalize(rows[None] - rows[:, None], dim=2)
    return torch.bmm(sides_NND, sides_NND.transpose(1, 2))
