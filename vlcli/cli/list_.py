"""`vlcli list`: what can be named in a spec, and where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import USAGE, Json

KINDS = ("archs", "tasks", "methods", "recipes", "towers", "itra")
WEIGHTS = 6  # so many names of weights a line, in a table


def list_(
    kind: Annotated[str, typer.Argument(metavar=" | ".join(KINDS), help="What to list.")],
    library: Annotated[
        str | None, typer.Argument(metavar="LIBRARY", help="Of towers: those of a library.")
    ] = None,
    find: Annotated[
        str | None,
        typer.Option("--find", metavar="TEXT", help="Only names, or names of weights, with this."),
    ] = None,
    json: Json = False,
) -> None:
    """List tasks, tuning methods, recipes, towers and the like."""
    from vlcli.cli.screen import print_json, say
    from vlcli.spec.entries import nearest

    if kind not in KINDS:
        near = nearest(kind, KINDS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(KINDS)}."
        say(f'There is no list "{kind}". {hint}')
        raise typer.Exit(USAGE)
    if kind == "towers" and library is not None:
        _towers(library, find, json)
        return
    if library is not None or find is not None:
        say("A library and --find belong to `vlcli list towers LIBRARY`.")
        raise typer.Exit(USAGE)
    if json:
        names = ("name", "summary", "source")
        print_json([dict(zip(names, row, strict=True)) for row in _rows(kind)])
    else:
        table(kind)


def table(kind: str, stderr: bool = False) -> None:
    """One of KINDS as a table."""
    from vlcli.cli.screen import print_table

    headings = ("argument", "key", "why") if kind == "itra" else (kind, "what it is", "from")
    print_table(_rows(kind), headings, stderr)


def _rows(kind: str) -> list[tuple[str, str, str]]:
    from vlcli.spec.entries import BUILT_IN, all_of

    if kind == "methods":
        from vlcli.spec.methods import METHODS

        return [(name, f"{summary} ({key})", BUILT_IN) for name, (key, summary) in METHODS.items()]
    if kind == "itra":
        from vlcli.spec.itra import FATES

        return [(name, f.key or "no key", f.why) for name, f in FATES.items()]
    if kind == "towers":
        from vlcli.spec.encoders import TOWERS

        return [(name, what, f"vlcli list towers {name}") for name, what in TOWERS.items()]
    if kind == "recipes":
        from vlcli.spec.recipes import recipes

        return [(name, recipe.summary, BUILT_IN) for name, recipe in recipes().items()]
    return [
        (found.name, found.entry.summary if found.entry else f"broken: {found.fault}", found.source)
        for found in all_of("arch" if kind == "archs" else "task").values()
    ]


def _towers(library: str, find: str | None, json: bool) -> None:
    """The towers of a library, of which it alone is imported."""
    from vlcli.cli.screen import print_json, print_table, say
    from vlcli.spec.encoders import TOWERS
    from vlcli.spec.entries import nearest

    if library not in TOWERS:
        near = nearest(library, TOWERS, 1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(TOWERS)}."
        say(f'There is no library of towers "{library}". {hint}')
        raise typer.Exit(USAGE)
    from vlcli.hush import hushed
    from vlcli.towers.listing import listed

    with hushed(library):
        towers = listed(library)
    if find is not None:
        word = find.lower()
        towers = [t for t in towers if any(word in each.lower() for each in (t.name, *t.weights))]
    if json:
        print_json([each._asdict() for each in towers])
        return
    rows = [(t.name, " and ".join(t.sides), _some(t.weights)) for t in towers]
    if rows:
        print_table(rows, ("name", "side", "pretrained weights"))
    of = "" if find is None else f' with "{find}" in their name or that of their weights'
    say(f"{len(rows)} tower{'' if len(rows) == 1 else 's'} of {library}{of}.")
    if library in ("huggingface", "sbert"):
        say("Any model of the hub by its name, and any folder, can be named beside these.")


def _some(weights: tuple[str, ...]) -> str:
    """Names of weights, and how many more there are."""
    more = len(weights) - WEIGHTS
    shown = ", ".join(weights[:WEIGHTS])
    return f"{shown}, and {more} more" if more > 0 else shown
