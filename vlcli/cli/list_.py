"""`vlcli list`: what can be named in a spec, and where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import USAGE, Json

KINDS = ("archs", "tasks", "methods", "recipes")


def list_(
    kind: Annotated[str, typer.Argument(metavar=" | ".join(KINDS), help="What to list.")],
    json: Json = False,
) -> None:
    """List architectures, tasks, tuning methods or recipes."""
    from vlcli.cli.screen import print_json, say
    from vlcli.spec.entries import nearest

    if kind not in KINDS:
        near = nearest(kind, KINDS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(KINDS)}."
        say(f'There is no list "{kind}". {hint}')
        raise typer.Exit(USAGE)
    if json:
        names = ("name", "summary", "source")
        print_json([dict(zip(names, row, strict=True)) for row in _rows(kind)])
    else:
        table(kind)


def table(kind: str, stderr: bool = False) -> None:
    """One of KINDS as a table."""
    from vlcli.cli.screen import print_table

    print_table(_rows(kind), (kind, "what it is", "from"), stderr)


def _rows(kind: str) -> list[tuple[str, str, str]]:
    from vlcli.spec.entries import BUILT_IN, all_of

    if kind == "methods":
        from vlcli.spec.methods import METHODS

        return [(name, f"{summary} ({key})", BUILT_IN) for name, (key, summary) in METHODS.items()]
    if kind == "recipes":
        from vlcli.spec.recipes import recipes

        return [(name, recipe.summary, BUILT_IN) for name, recipe in recipes().items()]
    return [
        (found.name, found.entry.summary if found.entry else f"broken: {found.fault}", found.source)
        for found in all_of("arch" if kind == "archs" else "task").values()
    ]
