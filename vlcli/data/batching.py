"""Which examples go together in which batch on which process, decided by seed and epoch alone."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from vlcli.contracts import Batch, Example
from vlcli.spec.problem import UserError

from .dataset import Draw, ExampleSet, Fetched
from .faults import Loaded, Skips

if TYPE_CHECKING:
    from .mixing import MixedOrder

WINDOW = 50  # batches that are sorted by length together
AHEAD = 4  # batches that each loading process has ready
Item = TypeVar("Item")
Collate = Callable[[Sequence[Example]], Any]  # gives a contracts.Batch
BatchSize = int | Mapping[str, int]  # of all tasks, or by task


def lengths(examples: Sequence[Example]) -> np.ndarray:
    """Words of text and of target of every example (n, 2), as a measure of its tokens."""
    words = (len(text.split()) for e in examples for text in (e.text, e.target or ""))
    return np.fromiter(words, np.int32, 2 * len(examples)).reshape(-1, 2)


class Group(NamedTuple):
    """The examples of one task: their numbers among all, their lengths, and the size of their
    batches."""

    numbers: np.ndarray
    lengths: np.ndarray
    batch_size: int


def groups(examples: Sequence[Example], batch_size: BatchSize) -> dict[str, Group]:
    """Examples by task, in order of appearance: a batch holds those of one task."""
    numbers: dict[str, list[int]] = {}
    for number, example in enumerate(examples):
        numbers.setdefault(example.task, []).append(number)
    held = lengths(examples)
    return {
        task: Group(
            np.array(mine),
            held[mine],
            batch_size if isinstance(batch_size, int) else batch_size[task],
        )
        for task, mine in numbers.items()
    }


class TrainOrder(Sampler[list[Draw]]):
    """The batches of one process: shuffled, and of similar lengths.

    A step's examples (batch_size times world of them) are chosen for all processes together and
    then dealt out, so two processes with batches of 32 take the same steps as one with batches of
    64. All processes have equally many batches; a last step with fewer examples than processes is
    left out. With an `episode`, an epoch has so many examples: none comes again before all have
    come. `at` sets where the next iteration begins.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        episode: int = 0,
    ) -> None:
        self._lengths = lengths
        self._step = batch_size * world
        self._seed, self._rank, self._world = seed, rank, world
        self._episode = episode
        self.epoch, self.start = 0, 0
        whole, rest = divmod(episode or len(self._lengths), self._step)
        self._batches = whole + (rest >= world)

    def __len__(self) -> int:
        """Batches of an epoch, wherever the next iteration begins."""
        return self._batches

    def at(self, epoch: int, start: int = 0) -> TrainOrder:
        """Go on with batch `start` of an epoch, both from 0."""
        self.epoch, self.start = epoch, start
        return self

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch = self.epoch
        for step in self.steps(epoch)[self.start :]:
            yield [Draw(epoch, int(index)) for index in step[self._rank :: self._world]]

    def steps(self, epoch: int, again: int = 0) -> list[np.ndarray]:
        """The examples of every step of an epoch: drawn, sorted by length within windows, cut
        into steps, and the steps shuffled. `again` numbers further passes within an epoch."""
        rng = np.random.default_rng([self._seed, epoch, *([again] if again else [])])
        many = len(self._lengths)
        wanted = self._episode or many
        passes = [rng.permutation(many) for _ in range(-(-wanted // many))] if many else []
        drawn = np.concatenate(passes)[:wanted] if passes else np.arange(0)
        ordered = [self._sorted(part) for part in _cut(drawn, self._step * WINDOW)]
        steps = [step for part in ordered for step in _cut(part, self._step)]
        steps = [step for step in steps if len(step) >= self._world]
        return [steps[i] for i in rng.permutation(len(steps))]

    def _sorted(self, indices: np.ndarray) -> np.ndarray:
        text, target = self._lengths[indices].T
        return indices[np.lexsort((target, text))]


class EvalOrder(Sampler[list[Draw]]):
    """The batches of one process in evaluation: task by task, longest texts first, each example
    once.

    Every batch is one of those a single process would have, so predictions do not depend on the
    number of processes; some may have one batch less than others.
    """

    def __init__(self, groups: Iterable[Group], rank: int = 0, world: int = 1) -> None:
        batches: list[np.ndarray] = []
        for numbers, lengths, batch_size in groups:
            order = np.lexsort((-lengths[:, 1], -lengths[:, 0]))
            batches += _cut(numbers[order], batch_size)
        self._batches = batches[rank::world]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        for batch in self._batches:
            yield [Draw(0, int(index)) for index in batch]


class InRow(Sampler[list[Draw]]):
    """So many examples in their order, in batches."""

    def __init__(self, number: int, batch_size: int) -> None:
        self._number, self._batch_size = number, batch_size

    def __len__(self) -> int:
        return -(-self._number // self._batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        for begin in range(0, self._number, self._batch_size):
            end = min(begin + self._batch_size, self._number)
            yield [Draw(0, number) for number in range(begin, end)]


class TrainBatches:
    """The training batches of one process, epoch by epoch; each is where its number says, whether
    or not the run began there. Examples that cannot be read go to `skips`."""

    def __init__(
        self,
        examples: ExampleSet,
        order: TrainOrder | MixedOrder,
        collate: Collate,
        num_workers: int = 0,
        pin_memory: bool = False,
        skips: Skips | None = None,
    ) -> None:
        self.skips = skips or Skips()
        self._order = order
        self._loader = loader(examples, order, collate, num_workers, pin_memory)

    def __len__(self) -> int:
        return len(self._order)

    def epoch(self, number: int, start: int = 0) -> Iterable[Batch]:
        """The batches of epoch `number` (from 0) from batch `start` on."""
        self._order.at(number, start)
        loaded: Iterable[Loaded] = self._loader
        if self._loader.num_workers:
            loaded = ahead(iter(self._loader))
        return self.skips.batches(loaded)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each fetched by a thread while the one before it is in use: taking a batch
    over from a loading process takes time, too, and so does giving its memory back, which the
    thread does for the one before that."""
    end = object()
    used: list[object] = []

    def fetched() -> object:
        del used[:-1]
        return next(items, end)

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(fetched)
        while (item := coming.result()) is not end:
            coming = pool.submit(fetched)
            used.append(item)
            yield cast(Item, item)


class Loading:
    """Makes of fetched examples what a loading process hands over."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, fetched: Fetched) -> Loaded:
        examples, faults, failed, looked = fetched
        try:
            with torch.autocast("cpu", enabled=False):  # it stacks no halves
                batch = self.collate(examples) if examples else None
        except UserError as error:
            batch, failed = None, error
        return Loaded(batch, tuple(faults), failed, looked)


def loader(
    examples: ExampleSet,
    order: Sampler[list[Draw]],
    collate: Collate,
    num_workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader[Any]:
    """Batches in the order given, as Loaded. It shards by itself: do not hand it to accelerate's
    prepare."""
    return DataLoader(
        examples,
        batch_sampler=order,
        collate_fn=Loading(collate),  # type: ignore[arg-type]  # what __getitems__ gives
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(0),  # else it draws from the global one
        persistent_workers=num_workers > 0,
        prefetch_factor=AHEAD if num_workers else None,
        worker_init_fn=_begin_loading,
        pin_memory=pin_memory,
    )


def _begin_loading(_: int) -> None:
    """Ctrl-C reaches loading processes, too, and so does the SIGTERM of a scheduler; a run that
    finishes its step still needs them. They end when the run does, however it does. What the run
    has left to its garbage collector stays the run's: a loader of its would complain here."""
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@atexit.register
def _end_loading() -> None:
    """Python would ask them with SIGTERM, and wait; torch would call it a failure."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()


def _cut(values: np.ndarray, size: int) -> list[np.ndarray]:
    return [values[i : i + size] for i in range(0, len(values), size)]
