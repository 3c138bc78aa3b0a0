"""`vlcli show`: the resolved spec, every value filled in."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import Json, Overrides, SpecPath


def show(
    spec: SpecPath,
    overrides: Overrides = None,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say of each value where it comes from.")
    ] = False,
    json: Json = False,
) -> None:
    """Print a spec with every value filled in.

    The text is JSON5 with comments, and itself a spec.
    """
    from vlcli.cli.screen import exit_code, print_json, print_problems
    from vlcli.spec.read import read_spec
    from vlcli.spec.resolved import resolved

    reading = read_spec(spec, overrides or ())
    if reading.problems:
        print_problems(reading, stderr=True)
    if reading.spec is None:
        raise typer.Exit(exit_code(reading.problems))
    if json and origin:
        print_json(
            {
                key: {"value": value, "origin": reading.origins[key]}
                for key, value in reading.values.items()
            }
        )
    elif json:
        print_json(reading.values)
    else:
        print(resolved(reading, origin))
