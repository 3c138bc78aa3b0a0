"""`vlcli list`: what can be named in a spec, and where it comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from vlcli.cli.options import Json


class Kind(StrEnum):
    archs = "archs"
    tasks = "tasks"
    methods = "methods"
    recipes = "recipes"


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    json: Json = False,
) -> None:
    """List architectures, tasks, tuning methods or recipes."""
    from vlcli.cli.screen import print_json, print_table

    rows = _rows(kind)
    if json:
        print_json([dict(zip(("name", "summary", "source"), row, strict=True)) for row in rows])
    else:
        print_table(rows, (kind.value, "what it is", "from"))


def _rows(kind: Kind) -> list[tuple[str, str, str]]:
    from vlcli.spec.entries import BUILT_IN, all_of

    if kind is Kind.methods:
        from vlcli.spec.methods import METHODS

        return [
            (name, f"{summary} ({key})", BUILT_IN) for name, (key, summary) in METHODS.items()
        ]
    if kind is Kind.recipes:
        from vlcli.spec.recipes import recipes

        return [(name, recipe.summary, BUILT_IN) for name, recipe in recipes().items()]
    return [
        (found.name, found.entry.summary if found.entry else f"broken: {found.fault}", found.source)
        for found in all_of("arch" if kind is Kind.archs else "task").values()
    ]
