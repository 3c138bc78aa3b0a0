"""Records and examples of every split of a task, with all that is wrong in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

from vlcli.contracts import Building, Example, Task
from vlcli.data import sources
from vlcli.data.records import Record
from vlcli.data.sources import Role
from vlcli.data.visual import Reader
from vlcli.runs.jobs import reader_of, task_of
from vlcli.spec.problem import UserError
from vlcli.tasks.base import record_id
from vlcli.tasks.regions import share, shares

from .findings import SHOWN, Finding, Kind, Severity, listed

ROLES: tuple[Role, ...] = get_args(Role)
SERVED = "served"  # the split of the test server, which `testing` adds
_NAMED = re.compile(r'Record "(.*?)"(?=[: ])', re.S)


@dataclass
class Split:
    """What a task reads in one role, or in the split of its test server (SERVED): its records (as
    many as topk asks for) and the examples of those that are right."""

    role: str
    source: str
    records: list[Record]
    examples: list[Example]


@dataclass
class Data:
    """A task of a run with its splits; `reader` is None where pictures are not used or not at
    hand."""

    spec: Any
    task: Task
    reader: Reader | None
    splits: dict[str, Split] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.task.name

    def tell(
        self,
        role: str,
        kind: Kind,
        severity: Severity,
        sentence: str,
        first: Mapping[str, str] | None = None,
        code: int = 3,
    ) -> None:
        """Keep a finding; `first` holds each time that it is met, and what there is to say of it
        ({} where there is one time without a name)."""
        held = first or {}
        number = max(1, len(held))
        self.findings.append(Finding(self.name, role, kind, severity, sentence, number, held, code))


class Made(NamedTuple):
    """Examples of the records that are right, sentences by id of those that are not, and the error
    that concerns the whole split."""

    examples: list[Example]
    faults: dict[str, UserError]
    whole: UserError | None = None


def data_of(spec: Any, building: Building, served: str | None = None) -> Data:
    """All splits of a task, whatever is wrong with one of them, `served` (that of its test server)
    too. UserError where this version does not run the task."""
    data = Data(spec, task_of(spec, building), None)
    try:
        data.reader = reader_of(spec, sources.pictures(spec)) if spec.use_vision else None
    except UserError as error:
        data.tell("", "source", "error", str(error), code=error.exit_code)
    told: set[str] = set()
    for role in ROLES:
        if getattr(spec, role):
            data.splits[role] = _split(data, role, role, getattr(spec, role), told)
    if served:
        data.splits[SERVED] = _split(data, SERVED, "test", served, told)
    return data


def _split(data: Data, role: str, read_as: Role, names: str, told: set[str]) -> Split:
    """The split of a role; `told` are faults of files that another split has told of already."""
    spec, training = data.spec, read_as == "train"
    faults: list[UserError] = []
    records = sources.records(spec, names, read_as, data.name, training, faults.append)
    new = [fault for fault in faults if str(fault) not in told]
    told.update(map(str, new))
    kinds: tuple[tuple[int, Kind], ...] = ((4, "source"), (3, "record"))
    for code, kind in kinds:
        _tell_faults(data, role, kind, [each for each in new if each.exit_code == code])
    records = sources.topk(records, spec.train_topk if training else spec.valid_topk, spec.seed)
    made = made_of(data.task, records, training) if records else Made([], {})
    _tell_records(data, role, records, made)
    return Split(role, names, records, made.examples)


def _tell_faults(data: Data, role: str, kind: Kind, faults: Sequence[UserError]) -> None:
    if not faults:
        return
    what = "records are wrong" if kind == "record" else "files or records cannot be used"
    sentences = {_place(str(fault)): str(fault) for fault in faults}
    first = "; ".join(each.rstrip(".") for each in list(sentences.values())[:SHOWN])
    more = f"; and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
    told = f"{len(faults):,} {what}: {first}{more}." if len(faults) > 1 else str(faults[0])
    data.tell(role, kind, "error", told, sentences, faults[0].exit_code)


def _place(sentence: str) -> str:
    """Where it is, by how the sentence begins: file and line, as far as it says."""
    return sentence.partition(": ")[0]


def _tell_records(data: Data, role: str, records: Sequence[Record], made: Made) -> None:
    by_id = {record_id(record): record for record in records}
    boxes = {id: e for id, e in made.faults.items() if box_fault(by_id[id])}
    others = {id: e for id, e in made.faults.items() if id not in boxes}
    kinds: tuple[tuple[Kind, str, dict[str, UserError]], ...] = (
        ("box", "records have boxes outside their picture", boxes),
        ("record", "records are wrong", others),
    )
    for kind, what, faults in kinds:
        if faults:
            first = {id: str(error) for id, error in faults.items()}
            sentence = f"{len(faults):,} of {len(records):,} {what}: {listed(first)}."
            code = min(error.exit_code for error in faults.values())
            data.tell(role, kind, "error", sentence, first, code)
    if made.whole is not None:
        data.tell(role, "record", "error", str(made.whole), code=made.whole.exit_code)


def made_of(task: Task, records: Sequence[Record], training: bool) -> Made:
    """The examples of the right records. A task stops at the first wrong one and names it: what
    follows it is tried again without it."""
    numbers = {record_id(record): number for number, record in enumerate(records)}
    faults: dict[str, UserError] = {}
    begin = 0
    while begin < len(records):
        try:
            examples = task.examples((records[n] for n in range(begin, len(records))), training)
        except UserError as error:
            named = _NAMED.match(str(error))
            number = numbers.get(named[1], -1) if named else -1
            if number < begin:
                if faults:
                    break
                return Made([], {}, error)
            faults[record_id(records[number])] = error
            begin = number + 1
            continue
        if not faults:
            return Made(examples, {})
        break
    right = [record for record in records if record_id(record) not in faults]
    try:
        return Made(task.examples(right, training) if right else [], faults)
    except UserError as error:
        return Made([], faults, error)


def box_fault(record: Mapping[str, Any]) -> bool:
    """Whether a box of a record is not one inside its picture."""
    try:
        shares(record)
        if record.get("box") is not None:
            share(record, record["box"])
    except UserError:
        return True
    return False


def all_splits(data: Sequence[Data]) -> Iterator[tuple[Data, Split]]:
    for each in data:
        for split in each.splits.values():
            yield each, split
