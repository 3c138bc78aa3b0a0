"""One walk over all tasks and splits of a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from vlcli.runs.jobs import served_split, task_names
from vlcli.runs.parts import answers_of, building_of, texts_of, tokenizer_at_hand
from vlcli.runs.shortage import shortages
from vlcli.spec.problem import UserError
from vlcli.tasks.base import record_kind

from .findings import Finding, Report, SplitCount
from .pictures import Tell, check_pictures
from .reading import Data, Split, all_splits, data_of
from .splits import check_splits, pictures
from .texts import check_answers, check_empty, check_lengths, tokens, training_examples, words


def check(spec: Any, fast: bool = False, tell: Tell = lambda done, total: None) -> Report:
    """Everything that the run of a spec would read: counts, and all that is to be told of it.

    `fast` opens no picture and counts lengths in words; `tell` hears how many pictures are read.
    UserError for what stops the check itself.
    """
    began = time.monotonic()
    report = Report()
    with shortages(spec):
        held = _held(spec, report)
        report.opened = check_pictures(held, fast, tell)
        _check_answers(spec, held, report)
        _check_lengths(spec, held, fast)
        for data, split in all_splits(held):
            check_empty(data, split)
            report.splits.append(_count(data, split))
        for data in held:
            check_splits(data)
            report.findings += data.findings
    report.sort()
    report.seconds = time.monotonic() - began
    return report


def _held(spec: Any, report: Report) -> list[Data]:
    """The data of every task that this version runs."""
    building = building_of(spec)
    held = []
    for name in task_names(spec):
        try:
            served = served_split(spec, name)
            held.append(data_of(spec.of_task(name), building, served))
        except UserError as error:
            report.findings.append(
                Finding(name, "", "source", "error", str(error), code=error.exit_code)
            )
    return held


def _check_answers(spec: Any, held: Sequence[Data], report: Report) -> None:
    try:
        table = answers_of(spec, None, training_examples(held))
    except UserError as error:
        report.findings.append(Finding("", "", "source", "error", str(error), code=error.exit_code))
        return
    if table is None:
        return
    learned = spec.answer_list == "train"
    name = "the table of training answers" if learned else f"the answer table {spec.answer_list}"
    for data, split in all_splits(held):
        check_answers(data, split, table, name)


def _check_lengths(spec: Any, held: Sequence[Data], fast: bool) -> None:
    tokenizer = None if fast else _tokenizer(spec, held)
    count = words if tokenizer is None else tokens(tokenizer)
    for data, split in all_splits(held):
        check_lengths(data, split, count, tokenizer is not None)


def _tokenizer(spec: Any, held: Sequence[Data]) -> Any:
    """The tokenizer that the run would have; None where it is not at hand."""
    building = building_of(spec)
    texts = texts_of(training_examples(held))
    if spec.tokenizer == "train" and not texts:
        return None
    try:
        return tokenizer_at_hand(spec, building) or building.tokenizer(spec, texts)
    except UserError:
        return None


def _count(data: Data, split: Split) -> SplitCount:
    records = Counter(record_kind(record) for record in split.records)
    examples = Counter(example.kind for example in split.examples)
    return SplitCount(
        data.name,
        split.role,
        split.source,
        len(split.records),
        len(split.examples),
        len(pictures(split)),
        {kind: (records[kind], examples[kind]) for kind in sorted({*records, *examples})},
    )
