"""Specs that a command is about to use: checked, or the command ends with all their problems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vlcli.spec.read import Reading


def checked(path: Path, overrides: Sequence[str] | None) -> Reading:
    """The reading of a spec without errors; warnings and errors go to stderr."""
    return all_checked([path], overrides)[0]


def all_checked(paths: Sequence[Path], overrides: Sequence[str] | None) -> list[Reading]:
    """The same of several specs: all their problems are told before the command ends."""
    from vlcli.cli.screen import exit_code, print_problems
    from vlcli.spec.read import read_spec

    readings = [read_spec(path, overrides or ()) for path in paths]
    for reading in readings:
        if reading.problems:
            print_problems(reading, stderr=True)
    codes = [exit_code(reading.problems) for reading in readings if reading.spec is None]
    if codes:
        raise typer.Exit(min(codes))
    return readings
