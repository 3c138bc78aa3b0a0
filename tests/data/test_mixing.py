"""How several tasks take turns: each epoch by seed and number, on any number of processes."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from vlcli.contracts import Example
from vlcli.data.batching import groups
from vlcli.data.mixing import MixedOrder, Sampling

SIZES = {"vqa": 120, "caption": 40, "nlvr": 9}
EXAMPLES = [
    Example(f"{task}{i}", task, "word " * (i % 7 + 1))
    for task, n in SIZES.items()
    for i in range(n)
]
GROUPS = groups(EXAMPLES, {"vqa": 10, "caption": 4, "nlvr": 3})  # 12, 10 and 3 batches


def order(sampling: Sampling, temperature: float = 1.0, rank: int = 0, world: int = 1):
    return MixedOrder(GROUPS, 3, sampling, temperature, rank, world)


def tasks(batches) -> list[str]:
    """The one task of every batch."""
    found = []
    for batch in batches:
        (task,) = {EXAMPLES[draw.number].task for draw in batch}
        found.append(task)
    return found


@pytest.mark.parametrize("sampling", ["roundrobin", "alternate"])
def test_every_example_comes_once_an_epoch(sampling):
    seen = Counter(draw.number for batch in order(sampling).at(2) for draw in batch)
    assert seen == Counter(range(len(EXAMPLES)))


def test_roundrobin_shuffles_tasks_together_as_published():
    turns = tasks(order("roundrobin"))
    assert Counter(turns) == {"vqa": 12, "caption": 10, "nlvr": 3}
    assert turns[:3] != turns[3:6] or turns[:12] != ["vqa"] * 12


def test_alternate_takes_turns_until_each_has_run_out():
    turns = tasks(order("alternate"))
    assert turns[:9] == ["vqa", "caption", "nlvr"] * 3
    assert turns[9:23] == ["vqa", "caption"] * 7
    assert turns[23:] == ["vqa"] * 2


def test_balanced_takes_equally_many_and_begins_short_tasks_anew():
    mixed = order("balanced")
    turns = Counter(tasks(mixed.at(1)))
    assert turns == {"vqa": 8, "caption": 8, "nlvr": 8}
    nlvr = [d.number for b in mixed.at(1) for d in b if EXAMPLES[d.number].task == "nlvr"]
    assert max(Counter(nlvr).values()) <= 3  # 9 examples in 8 batches of 3
    assert len(set(nlvr)) == 9


@pytest.mark.parametrize(
    ("temperature", "shares"),
    [(1, {"vqa": 18, "caption": 6, "nlvr": 1}), (1e9, {"vqa": 8, "caption": 8, "nlvr": 8})],
)
def test_temperature_goes_from_shares_of_size_to_equal_ones(temperature, shares):
    assert order("temperature", temperature).shares == shares


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_an_epoch_follows_from_its_number_and_can_begin_anywhere(sampling):
    whole = list(order(sampling).at(4))
    assert len(whole) == len(order(sampling))
    assert list(order(sampling).at(4, 5)) == whole[5:]
    assert list(order(sampling).at(5)) != whole


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_processes_share_the_steps_of_one_with_larger_batches(sampling):
    first, second = (list(order(sampling, 2.0, rank, 2).at(1)) for rank in (0, 1))
    assert len(first) == len(second)
    assert tasks(first) == tasks(second)
    double = groups(EXAMPLES, {"vqa": 20, "caption": 8, "nlvr": 6})
    alone = list(MixedOrder(double, 3, sampling, 2.0).at(1))
    shared = [sorted(a + b) for a, b in zip(first, second, strict=True)]
    assert shared == [sorted(batch) for batch in alone]
