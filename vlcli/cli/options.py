"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

OK, BUG, USAGE, BAD_SPEC, MISSING, INTERRUPTED = 0, 1, 2, 3, 4, 130

SpecPath = Annotated[
    Path, typer.Argument(metavar="SPEC", help="A run spec (JSON5 file; - is stdin).")
]
SpecPaths = Annotated[
    list[Path], typer.Argument(metavar="SPEC", help="Run specs (JSON5 files; - is stdin).")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Put one value in place of the file's, as often as needed: --set lr=3e-4.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
