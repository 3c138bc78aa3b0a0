"""`vlcli params`: what of a model trains, and the memory it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlcli.cli.options import Json, Overrides, SpecPaths

if TYPE_CHECKING:
    from vlcli.runs.params import Count


def params(specs: SpecPaths, overrides: Overrides = None, json: Json = False) -> None:
    """Count what trains, by part, and the memory it takes.

    No weights and no data are needed. Memory is that of weights, gradients and optimizer state;
    activations come on top. Several specs are compared, one a line. --json prints an object, and a
    list of them for several specs.
    """
    from vlcli.cli.reading import all_checked
    from vlcli.cli.screen import print_json, say

    readings = all_checked(specs, overrides)
    from vlcli.runs.params import outlined

    counts = [outlined(reading.spec) for reading in readings]
    if json:
        found = [
            {"spec": reading.source.name, **count.as_json()}
            for reading, count in zip(readings, counts, strict=True)
        ]
        print_json(found[0] if len(found) == 1 else found)
        return
    if len(counts) == 1:
        _show(counts[0])
    else:
        _compare([path.stem for path in specs], counts)
    for remark in dict.fromkeys(remark for count in counts for remark in count.remarks):
        say(remark)


COUNTED = ("trainable", "total", "% of total")


def _show(count: Count) -> None:
    """One model, part by part."""
    from vlcli.cli.screen import print_table
    from vlcli.spec.methods import METHODS

    tasks = len({row.part.task for row in count.rows} - {None}) > 1
    rows = []
    for row in count.rows:
        owner = (row.part.task or (ALL if row.part.name in METHODS else ""),) if tasks else ()
        rows.append((row.part.name, *owner, *_numbers(row.trainable, row.total, count)))
    everything = _numbers(count.trainable, count.total, count)
    rows.append((ALL, *([""] if tasks else []), *everything))
    print(f"{count.line}\n")
    print_table(rows, ("part", *(["task"] if tasks else []), *COUNTED), numbers=COUNTED)
    memory = count.memory
    print(
        f"\nMemory: weights {_mib(memory.weights)}, gradients {_mib(memory.gradients)}, "
        f"optimizer state {_mib(memory.optimizer)}."
    )


ALL = "all"


def _compare(names: list[str], counts: list[Count]) -> None:
    """Several models, one a line."""
    from vlcli.cli.screen import print_table

    rows = [
        (name, *_numbers(count.trainable, count.total, count), f"{_mebi(sum(count.memory)):,.1f}")
        for name, count in zip(names, counts, strict=True)
    ]
    headings = ("spec", *COUNTED, "MiB")
    print_table(rows, headings, numbers=headings[1:])
    print("\nMiB: weights, gradients and optimizer state.")


def _numbers(trainable: int, total: int, count: Count) -> tuple[str, ...]:
    return f"{trainable:,}", f"{total:,}", f"{count.percent(trainable):.3f}"


def _mebi(size: int) -> float:
    return size / 2**20


def _mib(size: int) -> str:
    return f"{_mebi(size):,.1f} MiB"
