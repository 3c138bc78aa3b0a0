"""What cannot be read stops a run with its id, or is left out and counted, in any process."""

from __future__ import annotations

import pytest
import torch

from vlcli.contracts import Example, Visual
from vlcli.data.batching import EvalOrder, TrainBatches, TrainOrder, groups, lengths, loader
from vlcli.data.dataset import ExampleSet, TrainSet
from vlcli.data.faults import Fault, Skips, in_results, known_faults, told
from vlcli.spec.problem import UserError

from .test_batching import Ids, by_id

EXAMPLES = [Example(f"q{i}", "t", "word", images=(str(i),)) for i in range(20)]


class Spoiled:
    """A reader that cannot read some pictures, of which it knows some beforehand."""

    def __init__(self, bad: set[int], known: tuple[str, ...] = ()) -> None:
        self.bad, self.known = bad, known

    def read(self, reference: str) -> Visual:
        if int(reference) in self.bad:
            raise UserError(f"The picture {reference} is cut off.")
        return Visual(torch.zeros(1, 1), torch.zeros(1, 4))

    def read_regions(self, reference: str, regions: object) -> Visual:
        return self.read(reference)

    def faults(self, references: object) -> dict[str, str]:
        return {each: f"There is no picture {each}." for each in self.known}


def batches(bad: set[int], skips: Skips, workers: int = 0, rank: int = 0) -> TrainBatches:
    held = TrainSet(EXAMPLES, {each.task: Spoiled(bad) for each in EXAMPLES})
    order = TrainOrder(lengths(EXAMPLES), 4, 5, rank, 2)
    return TrainBatches(held, order, by_id, workers, skips=skips)


def ids(found: list[Ids]) -> list[str]:
    return [id.partition(":")[2] for batch in found for id in batch.ids]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_names_the_example_in_one_sentence_from_any_process(workers: int) -> None:
    with pytest.raises(UserError) as raised:
        list(batches(set(range(20)) - {3}, Skips(), workers).epoch(0))
    assert str(raised.value).startswith('Example "q')
    assert "is cut off." in str(raised.value)
    assert "Traceback" not in str(raised.value)
    assert raised.value.exit_code == 4


@pytest.mark.parametrize("workers", [0, 2])
def test_skipping_leaves_out_and_counts(workers: int) -> None:
    skips = [Skips("skip"), Skips("skip")]
    seen = [ids(list(batches({3, 11}, skips[rank], workers, rank).epoch(0))) for rank in (0, 1)]
    assert sorted(seen[0] + seen[1]) == sorted({e.id for e in EXAMPLES} - {"q3", "q11"})
    found = skips[0].found | skips[1].found
    assert found == {"q3": "The picture 3 is cut off.", "q11": "The picture 11 is cut off."}


@pytest.mark.parametrize("workers", [0, 1])
def test_all_processes_have_equally_many_batches_however_many_examples_are_bad(
    workers: int,
) -> None:
    bad = set(range(20)) - {7, 8}
    for rank in (0, 1):
        held = batches(bad, Skips("skip"), workers, rank)
        found = list(held.epoch(0))
        assert len(found) == len(held) == 3
        assert set(ids(found)) <= {"q7", "q8"}
        assert [batch.ids for batch in found] == [batch.ids for batch in held.epoch(0)]


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_to_read_is_an_error_even_where_skipping(workers: int) -> None:
    with pytest.raises(UserError, match="None of the 20 examples can be read"):
        list(batches(set(range(20)), Skips("skip"), workers).epoch(0))


def test_evaluation_has_no_stand_ins() -> None:
    skips = Skips("skip")
    held = loader(
        ExampleSet(EXAMPLES, Spoiled(set(range(8)))), EvalOrder(groups(EXAMPLES, 4).values()), by_id
    )
    found = list(skips.batches(held))
    assert ids(found) == [f"q{i}" for i in range(8, 20)]
    assert set(skips.found) == {f"q{i}" for i in range(8)}


def test_an_error_of_a_whole_batch_is_no_skipped_example() -> None:
    def refuse(_: object) -> Ids:
        raise UserError("Three pictures are too many.", exit_code=3)

    held = loader(ExampleSet(EXAMPLES, None), EvalOrder(groups(EXAMPLES, 4).values()), refuse, 1)
    with pytest.raises(UserError, match=r"^Three pictures are too many\.$"):
        list(Skips("skip").batches(held))


def test_what_is_known_beforehand_stops_or_leaves_before_the_first_step() -> None:
    several = [*EXAMPLES, Example("pair", "t", "?", images=("1", "99"))]
    reader = Spoiled(set(), known=("2", "99"))
    assert known_faults(several, reader) == [
        Fault("q2", "There is no picture 2."),
        Fault("pair", "There is no picture 99."),
    ]
    with pytest.raises(UserError, match=r'Example "q2": .* 1 more cannot be read either\.'):
        Skips("error").readable(several, reader)
    skips = Skips("skip")
    kept = skips.readable(several, reader)
    assert {e.id for e in several} - {e.id for e in kept} == set(skips.found) == {"q2", "pair"}
    assert known_faults(several, None) == []
    with pytest.raises(UserError, match="None of the 1 examples"):
        Skips("skip").readable(EXAMPLES[2:3], reader)


def test_the_sentence_counts_all_and_names_the_first() -> None:
    found = {f"q{i}": f"There is no picture {i}." for i in range(5)}
    assert told(found, 40, "training") == (
        '5 of 40 training examples were skipped: "q0" (There is no picture 0), '
        '"q1" (There is no picture 1), "q2" (There is no picture 2) and 2 more.'
    )
    assert in_results(found) == {"number": 5, "first": found}
