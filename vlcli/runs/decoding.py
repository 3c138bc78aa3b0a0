"""Pictures decoded by threads, some batches ahead of what computes on them.

B pictures of a batch, S side in pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from vlcli.spec.problem import UserError

Known = TypeVar("Known")

AHEAD = 2  # batches that are decoded before they are asked for


class Decoded(NamedTuple, Generic[Known]):
    """The pictures (B, S, S, 3) of a batch that could be read, by name, in bytes; what else became
    known of each; and the errors of the others. The memory of the pictures is used again when the
    next batch is taken."""

    names: list[str]
    pictures: Tensor
    known: list[Known]
    bad: dict[str, UserError]


class Decoder(Generic[Known]):
    """`see(name, place)` puts the picture of that name into its place (S, S, 3) and returns what
    else is to be known of it, or raises UserError; it is called by `threads` threads at once.

    Memory is pinned where the batches go to a GPU.
    """

    def __init__(
        self, see: Callable[[str, np.ndarray], Known], side: int, threads: int, pinned: bool = False
    ) -> None:
        self.see, self.side, self.threads, self.pinned = see, side, threads, pinned

    def batches(self, batches: Iterable[Sequence[str]]) -> Iterator[Decoded[Known]]:
        rest, free = iter(batches), deque[Tensor]()
        with ThreadPoolExecutor(self.threads, "decoding") as pool:

            def ask(names: Sequence[str]) -> _Asked[Known]:
                if not free or len(free[-1]) < len(names):
                    free.append(self._room(len(names)))
                room = free.pop()
                places = room.numpy()
                futures = [
                    pool.submit(self.see, *each) for each in zip(names, places, strict=False)
                ]
                return _Asked(names, room, futures)

            ahead = deque(map(ask, islice(rest, AHEAD)))
            try:
                while ahead:
                    now = ahead.popleft()
                    ahead.extend(map(ask, islice(rest, 1)))
                    yield now.wait()
                    free.append(now.room)
            finally:
                pool.shutdown(cancel_futures=True)

    def _room(self, many: int) -> Tensor:
        return torch.empty(many, self.side, self.side, 3, dtype=torch.uint8, pin_memory=self.pinned)


class _Asked(NamedTuple, Generic[Known]):
    names: Sequence[str]
    room: Tensor
    futures: list[Future[Any]]

    def wait(self) -> Decoded[Known]:
        names: list[str] = []
        known: list[Known] = []
        bad: dict[str, UserError] = {}
        for at, (name, future) in enumerate(zip(self.names, self.futures, strict=True)):
            try:
                known.append(future.result())
            except UserError as error:
                bad[name] = error
                continue
            if len(names) < at:
                self.room[len(names)] = self.room[at]
            names.append(name)
        return Decoded(names, self.room[: len(names)], known, bad)
