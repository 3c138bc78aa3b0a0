"""`vlcli validate`: every problem of every spec, before anything runs."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import Json, Overrides, SpecPaths


def validate(
    specs: SpecPaths,
    overrides: Overrides = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
    json: Json = False,
) -> None:
    """Check specs: every key, type, range and combination.

    All problems are told at once. Exit code 0: fine; 3: a spec has problems; 4: a file that it
    names is missing.
    """
    from vlcli.cli.screen import exit_code, print_json, print_problems
    from vlcli.spec.read import read_spec
    from vlcli.spec.summary import summary

    readings = [read_spec(path, overrides or ()) for path in specs]
    if json:
        print_json(
            [
                {
                    "spec": reading.source.name,
                    "problems": [problem.as_json() for problem in reading.problems],
                }
                for reading in readings
            ]
        )
    else:
        for reading in readings:
            if reading.problems:
                print_problems(reading)
            if reading.spec is not None:
                print(f"{reading.source.name}: ok. {summary(reading)}")
    codes = [exit_code(reading.problems, strict) for reading in readings]
    raise typer.Exit(next((code for code in (3, 4) if code in codes), 0))
