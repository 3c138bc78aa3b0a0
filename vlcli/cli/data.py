"""`vlcli data`: what a spec's data holds, and what is wrong with it, before anything trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlcli.cli.options import MISSING, Json, Overrides, SpecPath

if TYPE_CHECKING:
    from vlcli.runs.check_data import Report
    from vlcli.spec.read import Reading

app = typer.Typer(
    help="Check the data that a spec names.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
KINDS = 12  # of a split, at most, that the table shows


@app.callback()
def _data() -> None:
    pass


@app.command("check")
def check(
    spec: SpecPath,
    overrides: Overrides = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Open no picture: only records, and what is missing.")
    ] = False,
    json: Json = False,
) -> None:
    """Walk all data that a spec names, and tell everything that is wrong with it.

    Nothing is built or trained. Exit code 0: nothing would stop the run; 3: records are wrong; 4:
    something is missing or cannot be read.
    """
    from vlcli.cli.screen import console, print_json
    from vlcli.cli.train import wake

    reading, found = _read(spec, overrides)
    wake()
    from vlcli.runs import check_data
    from vlcli.runtime.progress import Count

    with Count(console(stderr=True)) as count:
        report = check_data.check(found, fast, count.tell)
    code = report.exit_code or (MISSING if reading.errors else 0)
    if json:
        problems = [problem.as_json() for problem in reading.problems]
        about = {"spec": reading.source.name, "problems": problems}
        print_json({**about, **report.as_json(), "exit_code": code})
    else:
        _show(report)
    raise typer.Exit(code)


def _read(path: Any, overrides: list[str] | None) -> tuple[Reading, Any]:
    """A spec, be it that files are missing, which the check tells more of; its problems go to
    stderr."""
    from vlcli.cli.screen import exit_code, print_problems
    from vlcli.spec.read import read_spec

    reading = read_spec(path, overrides or ())
    if reading.problems:
        print_problems(reading, stderr=True)
    if reading.spec is not None:
        return reading, reading.spec
    code = exit_code(reading.problems)
    if code != MISSING or reading.chosen is None:
        raise typer.Exit(code)
    return reading, reading.chosen.spec.of(reading.values)


def _show(report: Report) -> None:
    """All findings, then a table of the splits."""
    from rich.text import Text

    from vlcli.cli.screen import COLOURS, console, print_table

    out = console()
    for finding in report.findings:
        style = COLOURS.get(finding.severity, "blue")
        out.print(Text.assemble((f"{finding.severity}: ", style), finding.line))
    if report.findings:
        out.print()
    rows = []
    for split in report.splits:
        numbers = (f"{n:,}" for n in (split.records, split.examples, split.pictures))
        found = _counted([each.severity for each in report.of(split)])
        rows.append((split.task, split.split, *numbers, found))
        if 1 < len(split.kinds) <= KINDS:
            for kind, (records, examples) in split.kinds.items():
                rows.append(("", f"  {kind or '-'}", f"{records:,}", f"{examples:,}", "", ""))
    headings = ("task", "split", "records", "examples", "pictures", "findings")
    print_table(rows, headings, numbers=headings[2:5])
    opened = f", {report.opened:,} pictures read" if report.opened else ""
    counted = _counted([each.severity for each in report.findings])
    all_found = "nothing is wrong" if counted == "nothing" else counted
    print(f"\n{all_found[0].upper()}{all_found[1:]}; {report.seconds:.1f} s{opened}.")


def _counted(severities: list[str]) -> str:
    """'2 errors, 1 note'."""
    words = [
        f"{many} {name}{'' if many == 1 else 's'}"
        for name in ("error", "warning", "note")
        if (many := severities.count(name))
    ]
    return ", ".join(words) or "nothing"
