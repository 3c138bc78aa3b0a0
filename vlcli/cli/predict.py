"""`vlcli predict`: what a trained run says about your pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcli.cli.options import USAGE, Overrides


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, or its name in snap/.")],
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            help="A picture; twice for a pair of them; of runs that compare, several or a folder.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            help="A question or other text; of runs that compare, several to be ranked.",
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option("--input", help="A .jsonl file of records with image and text."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where --input's answers go; else to stdout.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Which task of a run that trained several.")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Ask a trained run about a picture, or about a file of them."""
    from vlcli.cli.reading import checked
    from vlcli.cli.screen import say
    from vlcli.cli.train import wake
    from vlcli.runs.folder import SPEC, RunFolder

    if (records is None) == (not image and not text):
        say("Give --image and --text, or --input with a .jsonl file.")
        raise typer.Exit(USAGE)
    folder = RunFolder.find(run)
    reading = checked(folder.path / SPEC, overrides)
    wake()
    from vlcli.runs.predict import predict_one, predict_records

    if records is None:
        print("\n".join(predict_one(folder, reading.spec, image or (), text or (), task)))
        return
    lines = predict_records(folder, reading.spec, records, task)
    if output is None:
        print("\n".join(lines))
    else:
        output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        say(f"{len(lines)} answers in {output}")
