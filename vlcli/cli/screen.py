"""Everything a person sees: problems with their code frames, tables; and the JSON twin."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from vlcli.cli.options import BAD_SPEC, MISSING, OK
from vlcli.spec.problem import KeyPlace, Place, Problem
from vlcli.spec.source import Lines

if TYPE_CHECKING:
    from rich.console import Console

    from vlcli.spec.read import Reading

FRAMES = 4  # a problem of more places lists the rest by line
COLOURS = {"error": "bold red", "warning": "bold yellow"}


def console(stderr: bool = False) -> Console:
    """A rich console that leaves words as they are: no markup, no wrapping in pipes."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 10_000
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def say(text: str) -> None:
    """A remark for the person, on stderr."""
    print(text, file=sys.stderr)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def exit_code(problems: Iterable[Problem], strict: bool = False) -> int:
    """3 for a spec with errors (or warnings, where strict), 4 for missing files alone, else 0."""
    found = list(problems)
    errors = [problem for problem in found if problem.severity == "error"]
    if any(not problem.of_a_file for problem in errors):
        return BAD_SPEC
    if errors:
        return MISSING
    return BAD_SPEC if strict and found else OK


def print_problems(reading: Reading, stderr: bool = False) -> None:
    """All problems of one spec with their code frames, then a line that counts them."""
    from rich.text import Text

    out = console(stderr)
    lines = Lines(reading.source.text)
    for problem in reading.problems:
        out.print(_problem(problem, reading.source.name, lines, out.width))
        out.print()
    errors = len(reading.errors)
    warnings = len(reading.problems) - errors
    counts = [_count(errors, "error")] if errors else []
    counts += [_count(warnings, "warning")] if warnings else []
    codes = [problem.code for problem in reading.problems if problem.severity == "error"]
    hint = f" More about one: vlcli explain {codes[0]}" if codes else ""
    style = COLOURS["error" if errors else "warning"]
    out.print(Text.assemble((f"{reading.source.name}: {', '.join(counts)}.", style), hint))


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _problem(problem: Problem, name: str, lines: Lines, width: int) -> Any:
    from rich.text import Text

    out = Text()
    out.append(f"{problem.severity}[{problem.code}]", COLOURS[problem.severity])
    out.append(f": {problem.message}\n", "bold")
    here = KeyPlace(problem.path, problem.place, problem.origin)
    placed = [key for key in (here, *problem.places) if key.place and key.origin == "file"]
    framed = _distinct_lines(placed)[:FRAMES] if lines.text else []
    widest = max((len(str(key.place.line)) for key in framed if key.place), default=1)
    room = max(20, min(WINDOW, width - widest - len(" | ") - 1))
    margin = " " * widest
    where = f":{here.place.line}:{here.place.column}" if here.place else ""
    where = f"{name}{where}" if here.origin == "file" else f"{here.origin} (on {name})"
    out.append(f"{margin}--> ", "blue")
    out.append(f"{where}\n")
    for key in sorted(framed, key=lambda each: each.place.line if each.place else 0):
        if key.place:
            line = lines.text_of(key.place.line)
            _frame(out, line, key.place, widest, room, key is here or key == here)
    rest = [key for key in problem.places if key not in framed]
    if rest:
        words = ", ".join(_spot(key) for key in rest)
        out.append(f"{margin} = ", "blue")
        out.append(f"also {words}\n")
    if problem.fix:
        out.append(f"{margin} = ", "blue")
        out.append("fix: ", "bold green")
        out.append(problem.fix)
    out.rstrip()
    return out


def _distinct_lines(keys: Sequence[KeyPlace]) -> list[KeyPlace]:
    """Keys on lines of their own: one frame shows one line once."""
    seen: set[int] = set()
    kept = []
    for key in keys:
        if key.place and key.place.line not in seen:
            seen.add(key.place.line)
            kept.append(key)
    return kept


def _spot(key: KeyPlace) -> str:
    if key.origin != "file":
        return f"{key.path} ({key.origin})"
    return f"{key.path} (line {key.place.line})" if key.place else key.path


WINDOW = 100  # most cells of a long line that a frame shows


def _frame(out: Any, line: str, place: Place, widest: int, room: int, main: bool) -> None:
    """A line, or what of it has `room` around the place, and marks under the place."""
    from rich.cells import cell_len

    text = "".join(char if char.isprintable() else " " for char in line)
    indent = len(text) - len(text.lstrip())
    text = text[indent:]
    at = min(max(place.column - 1 - indent, 0), len(text))
    start, end = _stretch(text, at, room)
    before, marked = text[start:at], text[at : min(at + place.length, end)]
    out.append(f"{place.line:>{widest}} | ", "blue")
    out.append(f"{text[start:end]}\n")
    out.append(f"{'':>{widest}} | ", "blue")
    marks = ("^" if main else "-") * max(1, cell_len(marked))
    out.append(" " * cell_len(before) + marks + "\n", "red" if main else "blue")


def _stretch(text: str, at: int, room: int) -> tuple[int, int]:
    """Start and end of what of a text fits into `room` cells, with a third of it before `at`, more
    near the end of the text."""
    from rich.cells import cell_len

    if cell_len(text) <= room:
        return 0, len(text)
    start = at
    while start and cell_len(text[start - 1 : at]) <= room // 3:
        start -= 1
    end = at
    while end < len(text) and cell_len(text[start : end + 1]) <= room:
        end += 1
    while start and cell_len(text[start - 1 : end]) <= room:
        start -= 1
    return start, end


def print_table(
    rows: Sequence[Sequence[str]],
    headings: Sequence[str],
    stderr: bool = False,
    numbers: Collection[str] = (),
) -> None:
    """A plain table without lines: columns as wide as their words, the last one wraps; those of
    the headings `numbers` stand to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        right = heading in numbers
        table.add_column(heading, no_wrap=not number or right, justify="right" if right else "left")
    for row in rows:
        table.add_row(*row)
    console(stderr).print(table)
