"""`vlcli features info` and `vlcli features convert`: features as they lie on a disk."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vlcli.cli.options import INTERRUPTED, MISSING, Json

if TYPE_CHECKING:
    from vlcli.data.layouts.record import Summary
    from vlcli.runs.describe import Description

SHOWN = 10  # damaged records that are named


def info(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A store, an .h5, a .tar of .npz, or a folder of one .h5 or .npz per picture.",
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Read every record, and list those that are damaged.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell what a file or folder of features holds, and what made them.

    Exit code 4: it cannot be read, or --check found damaged records.
    """
    from vlcli.cli.screen import console, print_json, say
    from vlcli.runs.describe import describe
    from vlcli.runtime.progress import Count

    with Count(console(stderr=True)) as count:
        found = describe(path, check, count.tell)
    if json:
        print_json({"path": str(path), **found.as_json()})
    else:
        _describe(path, found)
    if found.damaged is None:
        return
    if not found.damaged:
        say(f"All {found.pictures:,} records are whole.")
        return
    say(f"{len(found.damaged):,} of {found.pictures:,} records are damaged:")
    _list(found.damaged.values(), "--json lists all" if not json else "listed above")
    raise typer.Exit(MISSING)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="Features, as `info` reads them.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to be made.")],
    to: Annotated[
        Literal["store", "h5-split", "h5-grid", "tar", "npz"] | None,
        typer.Option(
            "--to",
            help="A store, one .h5, a folder of one .h5 per picture, a .tar of .npz, or a folder "
            "of them. Else as OUT ends: .h5, .tar, or a store.",
        ),
    ] = None,
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"] | None,
        typer.Option("--dtype", help="How numbers are stored; else as they are."),
    ] = None,
    ids: Annotated[
        Literal["keep", "stem"],
        typer.Option("--ids", help="stem: a/b.jpg becomes b, as published h5 files have it."),
    ] = "keep",
    on_bad: Annotated[
        Literal["error", "skip"], typer.Option("--on-bad", help="What a damaged record does.")
    ] = "error",
) -> None:
    """Put features into another layout. OUT is there when it is whole, and not before.

    A store that was stopped goes on where it was.
    """
    from vlcli.cli.screen import console, say
    from vlcli.cli.train import wake

    wake()
    from vlcli.runs.convert import Wish, convert
    from vlcli.runtime.progress import Count

    with Count(console(stderr=True)) as count:
        found = convert(Wish(source, out, to, dtype, ids, on_bad), say, count.tell)
    if found.skipped:
        say(f"{len(found.skipped):,} of {found.total:,} records were left out:")
        _list(found.skipped.values(), "which `vlcli features info --check --json` lists")
    if not found.whole:
        kept = found.kept and f"{found.kept:,} pictures are kept; the same command goes on."
        say(f"Stopped. {kept or 'Nothing is left of it.'}")
        raise typer.Exit(INTERRUPTED)
    if found.rounding:
        say(found.rounding)
    if found.left:
        say(f"Not carried over: {', '.join(found.left)}.")
    say(f"{found.new:,} pictures in {found.seconds:.0f} s.")
    print(out)


def _list(sentences: Collection[str], rest: str) -> None:
    """The first of them, and where the rest can be had."""
    from vlcli.cli.screen import say

    for sentence in list(sentences)[:SHOWN]:
        say(f"  {sentence}")
    if len(sentences) > SHOWN:
        say(f"  and {len(sentences) - SHOWN:,} more, {rest}")


def _describe(path: Path, found: Description) -> None:
    from vlcli.cli.screen import print_table

    records = found.records
    grid = "grid {} x {}".format(*found.about.grid) if found.about.grid else ""
    facts = [
        ("layout", found.words),
        ("pictures", f"{found.pictures:,}"),
        ("features", ", ".join(filter(None, (_sizes(records), grid)))),
        ("boxes", _share(records.names.get("boxes", 0), records.looked)),
    ]
    facts += [(name, _share(many, records.looked)) for name, many in found.objects.items()]
    if records.looked < found.pictures:
        facts.append(("looked at", f"{records.looked:,} records, spread over all"))
    facts.append(("bytes", f"{found.bytes:,}, {found.bytes / found.pictures:,.0f} a picture"))
    facts += [(key, _shown(value)) for key, value in found.about.encoder.items()]
    if not found.about.encoder:
        facts.append(("encoder", "not recorded"))
    if found.about.source:
        facts.append(("source", found.about.source))
    if found.skipped:
        facts.append(("skipped", f"{found.skipped:,}, which could not be read"))
    facts.append(("ids", ", ".join(found.ids) + (", ..." if found.pictures > 3 else "")))
    print_table(facts, ("what", str(path)))


def _sizes(records: Summary) -> str:
    least, most = records.tokens
    many = f"{least}" if least == most else f"{least} to {most}"
    return f"{many} x {records.width} {' and '.join(records.dtypes)}"


def _share(many: int, of: int) -> str:
    return "all" if many == of else f"{many:,} of {of:,}" if many else "none"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    return str(value)
