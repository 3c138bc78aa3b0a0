"""`vlcli schema`: the JSON Schema with which an editor completes and checks specs."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import USAGE


def schema(
    arch: Annotated[
        str | None, typer.Option("--arch", help="One architecture; without it, all of them.")
    ] = None,
) -> None:
    """Print the JSON Schema (2020-12) of specs.

    Save it, and name it in a spec as "$schema" (or in your editor's settings).
    """
    from vlcli.cli.screen import print_json, say
    from vlcli.spec.entries import all_of, nearest
    from vlcli.spec.schema import schema_of

    usable = [name for name, found in all_of("arch").items() if found.entry]
    if arch is not None and arch not in usable:
        near = nearest(arch, usable)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(usable)}."
        say(f'There is no arch "{arch}". {hint}')
        raise typer.Exit(USAGE)
    print_json(schema_of([arch] if arch else usable))
