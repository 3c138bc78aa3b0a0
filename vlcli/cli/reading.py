"""A spec that a command is about to run: checked, or the command ends with all its problems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vlcli.spec.read import Reading


def checked(path: Path, overrides: Sequence[str] | None) -> Reading:
    """The reading of a spec without errors; warnings and errors go to stderr."""
    from vlcli.cli.screen import exit_code, print_problems
    from vlcli.spec.read import read_spec

    reading = read_spec(path, overrides or ())
    if reading.problems:
        print_problems(reading, stderr=True)
    if reading.spec is None:
        raise typer.Exit(exit_code(reading.problems))
    return reading
