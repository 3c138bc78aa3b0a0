"""How several tasks take turns: the batches of a run that mixes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Literal

import numpy as np
from torch.utils.data import Sampler

from .batching import Group, TrainOrder
from .dataset import Draw

Sampling = Literal["roundrobin", "alternate", "balanced", "temperature"]


class MixedOrder(Sampler[list[Draw]]):
    """The batches of one process over several tasks, each batch of one task.

    In an epoch, `roundrobin` takes every batch of every task once, shuffled together, as published;
    `alternate` takes them in turn, task after task, until each has run out; `balanced` takes
    equally many of each (the mean number), shuffled, a short task beginning anew; `temperature`
    takes as many in all, shared out by size ** (1 / temperature). Like a TrainOrder, an epoch
    follows from seed and number alone.
    """

    def __init__(
        self,
        groups: Mapping[str, Group],
        seed: int,
        sampling: Sampling = "roundrobin",
        temperature: float = 1.0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._groups = list(groups.values())
        self._orders = [
            TrainOrder(each.lengths, each.batch_size, seed, rank, world) for each in self._groups
        ]
        self._seed, self._rank, self._world = seed, rank, world
        self._sampling = sampling
        self.shares = dict(zip(groups, self._counts(sampling, temperature), strict=True))
        self.epoch, self.start = 0, 0

    def _counts(self, sampling: Sampling, temperature: float) -> list[int]:
        """Batches of each task in an epoch."""
        own = [len(order) for order in self._orders]
        if sampling == "balanced":
            return [sum(own) // len(own) if each else 0 for each in own]
        if sampling == "temperature":
            sizes = np.array([len(group.numbers) for group in self._groups], dtype=np.float64)
            shares = sizes ** (1 / temperature)
            wanted = sum(own) * shares / shares.sum()
            return [
                max(1, round(each)) if has else 0 for each, has in zip(wanted, own, strict=True)
            ]
        return own

    def __len__(self) -> int:
        """Batches of an epoch, wherever the next iteration begins."""
        return sum(self.shares.values())

    def at(self, epoch: int, start: int = 0) -> MixedOrder:
        """Go on with batch `start` of an epoch, both from 0."""
        self.epoch, self.start = epoch, start
        return self

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch = self.epoch
        for numbers in self._steps(epoch)[self.start :]:
            yield [Draw(epoch, int(number)) for number in numbers[self._rank :: self._world]]

    def _steps(self, epoch: int) -> list[np.ndarray]:
        mine = [
            [group.numbers[step] for step in _first(order, epoch, many)]
            for group, order, many in zip(
                self._groups, self._orders, self.shares.values(), strict=True
            )
        ]
        if self._sampling == "alternate":
            return [step for turn in zip_longest(*mine) for step in turn if step is not None]
        steps = [step for each in mine for step in each]
        rng = np.random.default_rng([self._seed, epoch, 0, 1])  # not one of a task's own shuffles
        return [steps[i] for i in rng.permutation(len(steps))]


def _first(order: TrainOrder, epoch: int, many: int) -> list[np.ndarray]:
    """So many steps of an epoch, from further passes where one is not enough."""
    steps: list[np.ndarray] = []
    again = 0
    while len(steps) < many:
        steps += order.steps(epoch, again)
        again += 1
    return steps[:many]
