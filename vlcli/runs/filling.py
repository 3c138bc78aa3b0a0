"""Shards of a store filled with features: decoded, computed and written at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, Self

from vlcli.data.shards import ShardWriter
from vlcli.data.store_writer import StoreWriter
from vlcli.runs.embedding import RunExtractor
from vlcli.runs.extractor import Extractor, Rows
from vlcli.runs.progress import Asked, Progress
from vlcli.spec.problem import UserError

BEHIND = 2  # batches that may wait to be written

AnyExtractor = Extractor | RunExtractor


class Engine(Protocol):
    """Fills all shards of a store that are not whole; False where a stop was asked for."""

    def __call__(
        self,
        extractor: AnyExtractor,
        writer: StoreWriter,
        progress: Progress,
        asked: Asked,
    ) -> bool: ...


def fill_here(
    extractor: AnyExtractor, writer: StoreWriter, progress: Progress, asked: Asked
) -> bool:
    """The engine that is this process, one shard after the other."""
    for plan in writer.todo():
        with writer.shard(plan) as shard:
            if not fill(extractor, shard, progress, asked):
                return False
            writer.take(plan, shard.finish())
    return True


def fill(extractor: AnyExtractor, shard: ShardWriter, progress: Progress, asked: Asked) -> bool:
    """Add what a shard lacks; False where a stop was asked for."""
    with Behind() as behind:
        for rows in extractor.rows(_batches(shard, extractor.wish.batch_size)):
            _bear(rows, extractor)
            shard.skip({name: str(error) for name, error in rows.bad.items()})
            if rows.names:
                behind.call(shard.add, rows.names, rows.features, rows.regions)
            progress.add(len(rows.names), len(rows.bad))
            if asked():
                return False
    return True


class Behind:
    """Calls that a thread makes one after the other. What one of them raises is raised by a later
    one, or at the end."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "behind")
        self._waiting: deque[Future[Any]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            while self._waiting and kind is None:
                self._waiting.popleft().result()
        finally:
            self._thread.shutdown()

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Waits where too many others wait."""
        while len(self._waiting) >= BEHIND:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(function, *args))


def _batches(shard: ShardWriter, size: int) -> Iterator[list[str]]:
    """The names that a shard lacks. Batches begin where they would in one go, so that pictures stay
    with the same others, whenever a stop came."""
    names, done = list(shard.plan.wanted), frozenset(shard.done)
    for at in range(0, len(names), size):
        if left := [name for name in names[at : at + size] if name not in done]:
            yield left


def _bear(rows: Rows, extractor: AnyExtractor) -> None:
    """Bad pictures are an error, or not."""
    if extractor.wish.on_bad == "skip":
        return
    for error in rows.bad.values():
        raise UserError(
            f"{error} Mend it and repeat the command, which goes on from here, or add --on-bad "
            "skip.",
            error.exit_code,
        ) from error
