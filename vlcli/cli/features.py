"""`vlcli features`: pictures to features on disk, and what a feature store holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vlcli.cli.options import INTERRUPTED, MISSING, USAGE, Json

if TYPE_CHECKING:
    from vlcli.runs.extract import Extracted

app = typer.Typer(
    help="Extract features of pictures; look into a feature store.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SHOWN = 10  # bad pictures that are named


@app.command("extract")
def extract(
    source: Annotated[
        Path,
        typer.Argument(metavar="IMAGES", help="A folder, a .tar, or a .jsonl that names pictures."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The store to be made.")],
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="timm:NAME, torchvision:NAME or open_clip:NAME[:TAG]; pretrained by default.",
        ),
    ],
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="FILE|PACKAGE", help="A weight file, or a package with one."
        ),
    ] = None,
    random: Annotated[bool, typer.Option("--random", help="Random weights.")] = False,
    pool: Annotated[
        Literal["grid", "pooled"], typer.Option("--pool", help="All cells, or one feature.")
    ] = "grid",
    size: Annotated[
        int | None, typer.Option("--size", min=8, help="Side of a picture in pixels.")
    ] = None,
    dtype: Annotated[
        Literal["float16", "float32"], typer.Option("--dtype", help="How numbers are stored.")
    ] = "float16",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures at once.")] = 32,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option("--device", help="Where to compute.")
    ] = "auto",
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder or tar of a .jsonl's pictures; else beside it."),
    ] = None,
    on_bad: Annotated[
        Literal["error", "skip"], typer.Option("--on-bad", help="What an unreadable picture does.")
    ] = "error",
    json: Json = False,
) -> None:
    """Make a feature store of pictures; repeat it to go on.

    Train on it with feature_type: "stored:OUT".
    """
    from vlcli.cli.screen import console, print_json, say
    from vlcli.cli.train import wake

    if weights is not None and random:
        say("--weights and --random exclude each other. Keep one of them.")
        raise typer.Exit(USAGE)
    wake()
    from vlcli.runs.extract import Wish, extract
    from vlcli.runtime.progress import Count

    wish = Wish(
        source, out, encoder, weights, random, pool, size, dtype, batch_size, device, images, on_bad
    )
    with Count(console(stderr=True)) as count:
        found = extract(wish, say, count.tell)
    _list_bad(found, say)
    if not found.whole:
        done = found.before + found.new
        say(f"Stopped: {done:,} of {found.total:,} pictures are kept. The same command goes on.")
        raise typer.Exit(INTERRUPTED)
    if json:
        print_json({"store": str(out), "new": found.new, "seconds": round(found.seconds, 3)})
        return
    if found.new:
        each = 1000 * found.seconds / found.new
        say(f"{found.new:,} pictures in {found.seconds:.0f} s, {each:.1f} ms each.")
    else:
        say("Nothing was left to do.")
    print(f'"feature_type": "stored:{out}"')


@app.command("info")
def info(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A feature store.")],
    json: Json = False,
) -> None:
    """Tell what a store holds, and check every record."""
    from vlcli.cli.screen import print_json, print_table, say
    from vlcli.data.store import FeatureStore

    store = FeatureStore(path)
    index = store.index
    damaged = list(store.damaged())
    size = index.records * index.record_bytes
    if json:
        print_json(
            {
                "store": str(path),
                "records": index.records,
                "tokens": index.tokens,
                "width": index.width,
                "grid": list(index.grid),
                "dtype": index.dtype,
                "bytes": size,
                "encoder": index.encoder,
                "source": index.source,
                "skipped": index.skipped,
                "damaged": damaged,
            }
        )
    else:
        rows, columns = index.grid
        facts = {
            "pictures": f"{index.records:,}",
            "features": f"{index.tokens} x {index.width} {index.dtype}, grid {rows} x {columns}",
            "bytes": f"{size:,}",
            **{key: _shown(value) for key, value in index.encoder.items()},
            "source": index.source["path"],
            "skipped": str(len(index.skipped)),
            "first id": next(iter(store.rows), "-"),
        }
        print_table(list(facts.items()), ("what", str(path)))
    if damaged:
        some = ", ".join(damaged[:SHOWN])
        say(
            f"{len(damaged)} of {index.records:,} records have changed since they were written: "
            f"{some}{', ...' if len(damaged) > SHOWN else ''}. Extract the features again."
        )
        raise typer.Exit(MISSING)
    say(f"All {index.records:,} records are as they were written.")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value))
    return str(value)


def _list_bad(found: Extracted, say: Callable[[str], None]) -> None:
    if not found.skipped:
        return
    say(f"{len(found.skipped)} of {found.total:,} pictures could not be read:")
    for why in list(found.skipped.values())[:SHOWN]:
        say(f"  {why}")
    if len(found.skipped) > SHOWN:
        say(f"  and {len(found.skipped) - SHOWN} more, listed in the store's index")
