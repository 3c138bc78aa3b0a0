"""Pictures and features that are missing or cannot be read, each looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from vlcli.contracts import Example, Visual
from vlcli.data.batching import InRow, loader
from vlcli.data.dataset import Draw, ExampleSet, Fetched, Look
from vlcli.data.faults import Fault, known_faults, nothing_readable
from vlcli.data.visual import Reader
from vlcli.spec.problem import UserError

from .findings import Kind, Severity, listed
from .reading import Data, Split, all_splits

TOGETHER = 16  # pictures that a loading process reads before it tells
Tell = Callable[[int, int], None]  # done, total


class Pictures(ExampleSet):
    """The pictures of examples, by number: each is read once, then every example that begins with
    it is looked at. What comes of it is faults alone."""

    def __init__(self, examples: Sequence[Example], reader: Reader, look: Look) -> None:
        super().__init__(examples, reader, look)
        self.showing: dict[str, list[int]] = {}
        for number, example in enumerate(examples):
            for image in example.images:
                self.showing.setdefault(image, []).append(number)
        self.names = list(self.showing)

    def __len__(self) -> int:
        return len(self.names)

    def __getitems__(self, keys: Sequence[int | Draw]) -> Fetched:
        numbers = (key.number if isinstance(key, Draw) else key for key in keys)
        return Fetched([], [each for n in numbers for each in self._faults(self.names[n])])

    def _faults(self, image: str) -> Iterator[Fault]:
        seen: dict[tuple[object, ...], Visual | UserError] = {}
        for number in self.showing[image]:
            example = self.examples[number]
            regions = example.regions if example.images[0] == image else ()
            if regions not in seen:
                seen[regions] = self._seen(image, example)
            visual = seen[regions]
            if isinstance(visual, UserError):
                yield Fault(example.id, str(visual), visual.exit_code)
            elif example.images[0] == image and self.look is not None:
                named = visual._replace(names=example.names) if regions else visual
                try:
                    self.look(replace(example, visuals=(named,)))
                except UserError as error:
                    yield Fault(example.id, str(error), error.exit_code)

    def _seen(self, image: str, example: Example) -> Visual | UserError:
        assert self.reader is not None
        try:
            if example.regions and example.images[0] == image:
                return self.reader.read_regions(image, example.regions)
            return self.reader.read(image)
        except UserError as error:
            return error


class Reading(NamedTuple):
    """The pictures of one split that are there and want to be read."""

    data: Data
    split: Split
    lacking: dict[str, Fault]
    pictures: Pictures


def check_pictures(held: Sequence[Data], fast: bool, tell: Tell) -> int:
    """Find what is missing and, unless `fast`, what cannot be read; the number of pictures that
    were read."""
    readings = [each for data, split in all_splits(held) if (each := _there(data, split))]
    total = 0 if fast else sum(len(each.pictures) for each in readings)
    done = 0
    for each in readings:
        faults: dict[str, Fault] = {}
        for many in () if fast else _read(each, faults):
            done += many
            tell(done, total)
        _tell_unreadable(each, faults)
    return done


def _there(data: Data, split: Split) -> Reading | None:
    """What is there of a split; tells what is missing."""
    if data.reader is None or not split.examples:
        return None
    try:
        lacking = {each.id: each for each in known_faults(split.examples, data.reader)}
    except UserError as error:
        data.tell(split.role, "source", "error", str(error), code=error.exit_code)
        return None
    _tell(data, split, "missing", "examples lack their picture or features", lacking)
    whole = [each for each in split.examples if each.id not in lacking]
    return Reading(data, split, lacking, Pictures(whole, data.reader, data.task.look))


def _read(reading: Reading, faults: dict[str, Fault]) -> Iterator[int]:
    """Read the pictures of a split; faults by example, and the number of pictures of each batch."""
    number = len(reading.pictures)
    order, workers = InRow(number, TOGETHER), reading.data.spec.num_workers
    for many, load in enumerate(loader(reading.pictures, order, len, workers), start=1):
        for fault in load.faults:
            faults.setdefault(fault.id, fault)
        yield min(TOGETHER, number - (many - 1) * TOGETHER)


def _tell_unreadable(reading: Reading, faults: dict[str, Fault]) -> None:
    data, split, lacking, _ = reading
    wrong = {id: each for id, each in faults.items() if each.exit_code == 3}
    damaged = {id: each for id, each in faults.items() if id not in wrong}
    _tell(data, split, "unreadable", "examples have pictures that cannot be read", damaged)
    _tell(data, split, "record", "examples do not fit their pictures", wrong)
    bad = {id: each.sentence for id, each in (lacking | faults).items()}
    if data.spec.on_bad_example == "skip" and len(bad) == len(split.examples):
        none = nothing_readable(split.examples, bad)
        data.tell(split.role, "unreadable", "error", str(none), code=none.exit_code)


def _tell(data: Data, split: Split, kind: Kind, what: str, faults: dict[str, Fault]) -> None:
    if not faults:
        return
    severity: Severity = "error" if data.spec.on_bad_example == "error" else "warning"
    first = {id: fault.sentence for id, fault in faults.items()}
    sentence = f"{len(faults):,} of {len(split.examples):,} {what}: {listed(first)}."
    code = min(fault.exit_code for fault in faults.values())
    data.tell(split.role, kind, severity, sentence, first, code)
