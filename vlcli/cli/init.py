"""`vlcli init`: a commented starter spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcli.cli.options import MISSING, USAGE


def init(
    recipe: Annotated[str | None, typer.Argument(help="Name of a recipe.")] = None,
    path: Annotated[
        Path | None, typer.Argument(help="File to write; by default RECIPE.json5 here.")
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes.")] = False,
) -> None:
    """Write a commented starter spec from a recipe."""
    import shlex

    from vlcli.cli.list_ import list_, table
    from vlcli.cli.screen import say
    from vlcli.spec.entries import nearest
    from vlcli.spec.recipes import recipes

    if list_recipes:
        list_("recipes")
        return
    if recipe is None:
        say("Name a recipe: vlcli init RECIPE [PATH]. There are:\n")
        table("recipes", stderr=True)
        raise typer.Exit(USAGE)
    known = recipes()
    if recipe not in known:
        near = nearest(recipe, known)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`vlcli init --list` lists them."
        say(f'There is no recipe "{recipe}". {hint}')
        raise typer.Exit(USAGE)
    target = path or Path(f"{recipe}.json5")
    try:
        if target.is_dir():
            target = target / f"{recipe}.json5"
        with target.open("x", encoding="utf-8") as file:
            file.write(known[recipe].path.read_text(encoding="utf-8"))
    except FileExistsError:
        say(f"{target} exists and is left as it is. Name another path, or remove it first.")
        raise typer.Exit(USAGE) from None
    except OSError as error:
        say(f"{target} cannot be written: {error.strerror}.")
        raise typer.Exit(MISSING) from None
    print(target)
    word = shlex.quote(str(target))
    say(f"Next: vlcli validate {word}, then vlcli train {word}")
