"""Losses that compare with features of earlier steps, kept in a queue.

N pairs of the step, n this process's own, K places of a queue, D width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .pairs import Loss, Pairs, normalised


class Queue(Loss):
    """The newest K normalised features of the target (and of the learner, where `sides` is 2), of
    all processes, oldest written over first. The queue and its place are in checkpoints."""

    sides = 1
    place: Tensor
    targets: Tensor

    def __init__(self, width: int, args: Any) -> None:
        super().__init__(width, args)
        for name in ("targets", "learners")[: self.sides]:
            self.register_buffer(name, normalised(torch.randn(args.queue_size, width)))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    def forward(self, pairs: Pairs) -> Tensor:
        learner, target = normalised(pairs.learner), normalised(pairs.target)
        loss = self.compare(learner[pairs.own], target[pairs.own])
        if self.training:
            self.remember(learner.detach(), target.detach())
        return loss

    def compare(self, learner: Tensor, target: Tensor) -> Tensor:
        raise NotImplementedError

    def kept(self, name: str) -> Tensor:
        """A queue as it is now: the backward pass reads it after it has moved on."""
        queue: Tensor = getattr(self, name)
        return queue.clone()

    @torch.no_grad()
    def remember(self, learner: Tensor, target: Tensor) -> None:
        """Put a step's features (N, D) in the place of the oldest."""
        for name, rows in zip(
            ("targets", "learners")[: self.sides], (target, learner), strict=False
        ):
            queue: Tensor = getattr(self, name)
            kept = rows[-len(queue) :]
            at = (self.place + torch.arange(len(kept), device=kept.device)) % len(queue)
            queue[at] = kept.to(queue.dtype)
        self.place.copy_((self.place + min(len(target), len(self.targets))) % len(self.targets))


class CompRess1q(Queue):
    """KL(softmax(t Q' / 0.04) || softmax(s Q' / 0.04)) (Abbasi Koohpayegani et al. 2020)."""

    temperature = 0.04
    ours = "targets"

    def compare(self, learner: Tensor, target: Tensor) -> Tensor:
        theirs_nK = target @ self.kept("targets").T / self.temperature
        ours_nK = learner @ self.kept(self.ours).T / self.temperature
        return functional.kl_div(
            ours_nK.log_softmax(1), theirs_nK.softmax(1), reduction="batchmean"
        )


class CompRess2q(CompRess1q):
    """The same, the learner with a queue of its own."""

    sides = 2
    ours = "learners"


class Seed(Queue):
    """-sum softmax([t t; t Q'] / 1e-4) log softmax([s t; s Q'] / 0.07), mean over examples (Fang et
    al. 2021)."""

    def compare(self, learner: Tensor, target: Tensor) -> Tensor:
        queue_DK = self.kept("targets").T
        theirs = torch.cat([(target * target).sum(1, keepdim=True), target @ queue_DK], 1)
        ours = torch.cat([(learner * target).sum(1, keepdim=True), learner @ queue_DK], 1)
        return functional.cross_entropy(ours / 0.07, (theirs / 1e-4).softmax(1))
