"""`vlcli train`: check a spec, then train what it says."""

from __future__ import annotations

import typer

from vlcli.cli.options import MISSING, Overrides, SpecPath


def train(spec: SpecPath, overrides: Overrides = None) -> None:
    """Train what a spec says, after checking all of it."""
    from vlcli.cli.screen import exit_code, print_problems, say
    from vlcli.spec.entries import all_of
    from vlcli.spec.read import read_spec

    reading = read_spec(spec, overrides or ())
    if reading.problems:
        print_problems(reading, stderr=True)
    if reading.spec is None:
        raise typer.Exit(exit_code(reading.problems))
    entry = all_of("arch")[str(reading.chosen.arch)].entry
    if entry is None or entry.impl is None:
        say(
            f"{reading.source.name} is fine, but this version of vlcli checks {reading.chosen.arch} "
            "specs and cannot train them yet."
        )
        raise typer.Exit(MISSING)
