"""The command line: which commands there are, in the order that `--help` shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli import __version__
from vlcli.cli import (
    convert,
    data,
    eval_,
    explain,
    export,
    features,
    init,
    list_,
    params,
    predict,
    runs,
    schema,
    show,
    train,
    validate,
)

app = typer.Typer(
    name="vlcli",
    help="Train, evaluate and use vision-language models from one run spec (JSON5).",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich doubles the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: vlcli init --list",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vlcli {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command("train")(train.train)
app.command("eval")(eval_.eval_)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.add_typer(features.app, name="features")
app.add_typer(data.app, name="data")
app.command("runs")(runs.runs)
app.command("validate")(validate.validate)
app.command("params")(params.params)
app.command("explain")(explain.explain)
app.command("show")(show.show)
app.command("init")(init.init)
app.command("convert", context_settings={"ignore_unknown_options": True})(convert.convert)
app.command("schema")(schema.schema)
app.command("list")(list_.list_)
