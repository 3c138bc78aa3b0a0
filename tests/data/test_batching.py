"""Which examples go together, and that they are the same ones on any number of processes."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from vlcli.contracts import Box, Example, Visual
from vlcli.data.batching import (
    EvalOrder,
    Group,
    InRow,
    TrainBatches,
    TrainOrder,
    groups,
    lengths,
    loader,
)
from vlcli.data.dataset import Draw, ExampleSet

LENGTHS = np.array(
    [(random.Random(i).randint(3, 20), random.Random(-i).randint(1, 5)) for i in range(1003)]
)

GROUP = Group(np.arange(1003), LENGTHS, 16)


def numbers(batches: Sequence[Sequence[Draw]]) -> list[list[int]]:
    return [[draw.number for draw in batch] for batch in batches]


def everything(batches: Sequence[Sequence[Draw]]) -> list[int]:
    return sorted(number for batch in numbers(batches) for number in batch)


def test_an_epoch_holds_every_example_once() -> None:
    order = TrainOrder(LENGTHS, 16, seed=1)
    assert everything(list(order)) == list(range(1003))
    assert len(order) == len(list(order)) == 63


def test_epochs_differ_and_repeat_themselves() -> None:
    order = TrainOrder(LENGTHS, 16, seed=1)
    first, second = list(order.at(0)), list(order.at(1))
    assert numbers(first) != numbers(second)
    assert {draw.epoch for batch in second for draw in batch} == {1}
    assert numbers(list(TrainOrder(LENGTHS, 16, seed=1).at(1))) == numbers(second)
    assert numbers(list(TrainOrder(LENGTHS, 16, seed=2).at(1))) != numbers(second)


@pytest.mark.parametrize("many", [100, 2106])
def test_an_episode_draws_so_many_none_again_before_all_have_come(many: int) -> None:
    order = TrainOrder(LENGTHS, 16, seed=1, episode=many)
    first, second = everything(list(order.at(0))), everything(list(order.at(1)))
    assert len(first) == many
    often = [first.count(number) for number in range(1003)]
    assert set(often) == {many // 1003, many // 1003 + 1}
    assert first != second
    assert numbers(list(order.at(1, 20))) == numbers(list(order.at(1)))[20:]


def test_going_on_in_the_middle_gives_the_rest() -> None:
    order = TrainOrder(LENGTHS, 16, seed=1)
    whole = list(order.at(3))
    assert list(order.at(3, start=20)) == whole[20:]
    assert len(order) == 63


def test_batches_are_of_similar_lengths() -> None:
    def padding(batches: list[list[int]]) -> float:
        texts = [[LENGTHS[number][0] for number in batch] for batch in batches]
        return sum(len(t) * max(t) for t in texts) / sum(map(sum, texts)) - 1

    plain = random.Random(0).sample(range(1003), 1003)
    assert padding([plain[i : i + 16] for i in range(0, 1003, 16)]) > 0.5
    assert padding(numbers(list(TrainOrder(LENGTHS, 16, seed=1)))) < 0.05
    assert padding(numbers(list(EvalOrder([GROUP])))) < 0.05


@pytest.mark.parametrize("world", [2, 3])
def test_processes_take_the_steps_of_one(world: int) -> None:
    ranks = [list(TrainOrder(LENGTHS, 8, 1, rank, world).at(2)) for rank in range(world)]
    alone = list(TrainOrder(LENGTHS, 8 * world, 1).at(2))
    assert len({len(each) for each in ranks}) == 1
    for together, parts in zip(alone, zip(*ranks, strict=True), strict=False):
        assert sorted(together) == sorted(draw for part in parts for draw in part)


def test_a_last_step_too_small_for_all_processes_is_left_out() -> None:
    ranks = [list(TrainOrder(LENGTHS[:17], 4, 1, rank, 4)) for rank in range(4)]
    assert [len(each) for each in ranks] == [1, 1, 1, 1]
    ranks = [list(TrainOrder(LENGTHS[:20], 4, 1, rank, 4)) for rank in range(4)]
    assert [sorted(map(len, each)) for each in ranks] == [[1, 4]] * 4


def test_evaluation_deals_out_whole_batches() -> None:
    alone = list(EvalOrder([GROUP]))
    shared = [list(EvalOrder([GROUP], rank, 3)) for rank in range(3)]
    assert everything(alone) == list(range(1003))
    assert sorted(batch for each in shared for batch in each) == sorted(alone)


def test_no_examples_make_no_batches() -> None:
    assert list(TrainOrder(LENGTHS[:0], 4, 1)) == list(EvalOrder([])) == []
    assert len(TrainOrder(LENGTHS[:0], 4, 1)) == 0


class Ids(NamedTuple):
    ids: tuple[str, ...]

    def to(self, device: object) -> Ids:
        return self


def by_id(examples: Sequence[Example]) -> Ids:
    return Ids(tuple(f"{example.target}:{example.id}" for example in examples))


def with_epoch(example: Example, epoch: int) -> Example:
    return Example(example.id, "t", example.text, f"e{epoch}", example.images)


class Shades:
    """A reader whose pictures are one number each."""

    def read(self, reference: str) -> Visual:
        return Visual(torch.full((1, 1), float(reference)), torch.zeros(1, 4))

    def read_regions(self, reference: str, regions: Sequence[Box]) -> Visual:
        return self.read(reference)

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        return {}


EXAMPLES = [Example(str(i), "t", "word " * (i % 5 + 1), images=(str(i),)) for i in range(50)]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_begin_where_asked_in_the_epoch_asked(workers: int) -> None:
    held = ExampleSet(EXAMPLES, Shades(), redraw=with_epoch)
    batches = TrainBatches(held, TrainOrder(lengths(EXAMPLES), 8, 5), by_id, workers)
    first = list(batches.epoch(0))
    for _, batch in zip(range(3), batches.epoch(1), strict=False):  # left before its end
        assert batch.ids[0].startswith("e1:")
    assert list(batches.epoch(0)) == first
    assert list(batches.epoch(0, 4)) == first[4:]
    assert len(batches) == len(first) == 7


def test_loading_draws_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    list(loader(ExampleSet(EXAMPLES, None), EvalOrder(groups(EXAMPLES, 8).values()), by_id))
    assert torch.equal(before, torch.get_rng_state())


class Left:
    """Garbage that only the collector finds; it writes down which process did."""

    def __init__(self, path: Path) -> None:
        self.path, self.me = path, self

    def __del__(self) -> None:
        self.path.write_text(str(os.getpid()))


def collecting(examples: Sequence[Example]) -> list[str]:
    gc.collect()
    return [each.id for each in examples]


def test_a_loading_process_leaves_the_garbage_of_the_run_alone(tmp_path: Path) -> None:
    told = tmp_path / "told"
    gc.collect()
    gc.disable()
    try:
        Left(told)
        held = ExampleSet([Example("a", "vqa", "?")], None)
        loads = list(loader(held, InRow(1, 1), collecting, num_workers=1))
        assert [load.batch for load in loads] == [["a"]]
        assert not told.exists()
    finally:
        gc.enable()
    gc.collect()
    assert told.read_text() == str(os.getpid())


LEAVING = """
import time
from vlcli.data.batching import InRow, _end_loading, loader
from vlcli.data.dataset import Example, ExampleSet

loads = loader(ExampleSet([Example("a", "vqa", "?")] * 9, None), InRow(9, 1), len, num_workers=1)
next(iter(loads))
_end_loading()
time.sleep(0.5)  # in which torch would hear of it
"""


def test_loading_processes_end_with_the_run_in_silence() -> None:
    ended = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
