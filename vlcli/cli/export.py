"""`vlcli export`: what a run learned, to carry away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its name in snap/.")],
    merged: Annotated[
        bool, typer.Option("--merged", help="Fold LoRA into the weights of a plain model.")
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="The parameters of one task alone.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="A new folder; by default in RUN/exports.")
    ] = None,
) -> None:
    """Write what a run learned into a folder that `load` takes."""
    from vlcli.cli.reading import checked
    from vlcli.cli.screen import say
    from vlcli.cli.train import wake
    from vlcli.runs.folder import SPEC, RunFolder

    folder = RunFolder.find(run)
    reading = checked(folder.path / SPEC, None)
    wake()
    from vlcli.runs.export import export as write

    place, size = write(folder, reading.spec, output, task, merged)
    print(place)
    say(f"{size / 2**20:,.1f} MiB. Begin with it in a spec: load: {str(place)!r}")
