"""`vlcli features`: pictures to features on disk, and what such features are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vlcli.cli import stored
from vlcli.cli.options import INTERRUPTED, USAGE, Json
from vlcli.spec.encoders import OF_RUN

if TYPE_CHECKING:
    from vlcli.runs.extract import Extracted

app = typer.Typer(
    help="Extract features of pictures; look into them; convert them.",
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
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="The store to be made; the .h5 or folder of another --layout."
        ),
    ],
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="LIBRARY:NAME[:TAG] of timm, torchvision, open_clip or huggingface, pretrained by "
            "default; or run:RUN, the towers of a run of alignment in their common space.",
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
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            metavar="FILE",
            help="Features of regions instead: the grid's mean within each box of a .jsonl, whose "
            "records have image, boxes (x1, y1, x2, y2 in pixels of width and height, or as shares "
            "without these) and, if known, names.",
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            metavar="NAME",
            help="Features of regions that torchvision:NAME finds (fasterrcnn_resnet50_fpn, "
            "retinanet_resnet50_fpn, ...); pretrained by default.",
        ),
    ] = None,
    detector_weights: Annotated[
        Path | None,
        typer.Option("--detector-weights", metavar="FILE", help="The detector's weights."),
    ] = None,
    detector_random: Annotated[
        bool, typer.Option("--detector-random", help="Random weights for the detector.")
    ] = False,
    min_score: Annotated[
        float | None,
        typer.Option(
            "--min-score",
            min=0,
            max=1,
            help="How sure the detector must be of a box: 0.05; 0 always finds enough of them.",
            show_default=False,
        ),
    ] = None,
    boxes_per_picture: Annotated[
        int | None,
        typer.Option(
            "--boxes-per-picture",
            min=1,
            help="At most so many: the first of a file, the best of a detector; 36.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names", metavar="FILE", help="What numbers of things mean, a line each, from 0 on."
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", min=8, help="Side of a picture in pixels.")
    ] = None,
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"] | None,
        typer.Option(
            "--dtype",
            help="How numbers are stored: float16 in a store, float32 in .h5 files.",
            show_default=False,
        ),
    ] = None,
    layout: Annotated[
        Literal["store", "h5-split", "h5-grid"],
        typer.Option(
            "--layout",
            help="A feature store; the published .h5 of all pictures, with boxes; or the published "
            "OUT/data_clip_TYPE_att with an .h5 for each picture.",
        ),
    ] = "store",
    shard_size: Annotated[
        str | None,
        typer.Option(
            "--shard-size",
            metavar="SIZE",
            help="Of one array of a store: bytes (500MB) or a number of pictures; 4GB.",
            show_default=False,
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures at once.")] = 32,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Threads that decode pictures; one a core, up to 8."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option("--device", help="Where to compute.")
    ] = "auto",
    engine: Annotated[
        Literal["local", "ray"],
        typer.Option(
            "--engine",
            help="This process; or a task for each shard on the Ray cluster that RAY_ADDRESS names "
            "(without it one on this machine), whose machines share these paths.",
        ),
    ] = "local",
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder or tar of a .jsonl's pictures; else beside it."),
    ] = None,
    on_bad: Annotated[
        Literal["error", "skip"], typer.Option("--on-bad", help="What an unreadable picture does.")
    ] = "error",
    texts: Annotated[
        bool,
        typer.Option("--texts", help="The captions of a .jsonl by a run, in place of pictures."),
    ] = False,
    json: Json = False,
) -> None:
    """Make a feature store of pictures; repeat it to go on.

    Train on it with feature_type: "stored:OUT".
    """
    from vlcli.cli.screen import console, print_json, say
    from vlcli.cli.train import wake

    _check_together(
        {
            "--weights": weights,
            "--random": random,
            "--pool pooled": pool == "pooled",
            "--boxes": boxes,
            "--detector": detector,
            "--detector-weights": detector_weights,
            "--detector-random": detector_random,
            "--min-score": min_score,
            "--boxes-per-picture": boxes_per_picture,
            "--names": names,
            "--shard-size": shard_size,
            "--layout store": layout == "store",
            "--layout": layout != "store",
            "--engine ray": engine == "ray",
            "--size": size,
            "--texts": texts,
            _RUN: encoder.startswith(OF_RUN),
        }
    )
    wake()
    from vlcli.runs.extract import extract
    from vlcli.runs.extractor import Wish
    from vlcli.runtime.progress import Count

    wish = Wish(
        source=source,
        out=out,
        encoder=encoder,
        weights=weights,
        random=random,
        pool=pool,
        size=size,
        dtype=dtype or ("float16" if layout == "store" else "float32"),
        batch_size=batch_size,
        device=device,
        images=images,
        on_bad=on_bad,
        layout=layout,
        engine=engine,
        boxes=boxes,
        detector=detector,
        detector_weights=detector_weights,
        detector_random=detector_random,
        names=names,
        threads=threads,
        texts=texts,
    )
    more: dict[str, Any] = {
        "min_score": min_score,
        "boxes_per_picture": boxes_per_picture,
        "shard_size": shard_size,
    }
    wish = wish._replace(**{key: value for key, value in more.items() if value is not None})
    with Count(console(stderr=True)) as count:
        found = extract(wish, say, count.tell)
    if not found.whole:
        done = found.before + found.new
        say(f"Stopped: {done:,} of {found.total:,} pictures are kept. The same command goes on.")
        raise typer.Exit(INTERRUPTED)
    if json:
        print_json(
            {
                "out": str(found.out),
                "layout": layout,
                "new": found.new,
                "seconds": round(found.seconds, 3),
                "pictures": found.records,
                "bytes": found.size,
                "bad": len(found.bad),
                "bad_file": str(found.bad_file) if found.bad_file else None,
            }
        )
        return
    _close(found, say)
    print(found.out if layout != "store" or texts else f'"feature_type": "stored:{out}"')


_RUN = f"--encoder {OF_RUN}RUN"
_NOT_OF_RUNS = (
    *("--weights", "--random", "--size", "--pool pooled", "--boxes", "--detector", "--layout"),
    "--engine ray",
)
EXCLUDE = (
    *((_RUN, option) for option in _NOT_OF_RUNS),
    ("--weights", "--random"),
    ("--boxes", "--detector"),
    ("--boxes", "--pool pooled"),
    ("--detector", "--pool pooled"),
    ("--detector-weights", "--detector-random"),
)
NEED = {  # options that mean nothing without one of others
    "--detector-weights": ("--detector",),
    "--detector-random": ("--detector",),
    "--min-score": ("--detector",),
    "--boxes-per-picture": ("--boxes", "--detector"),
    "--names": ("--boxes", "--detector"),
    "--shard-size": ("--layout store",),
    "--texts": (_RUN,),
}


def _check_together(given: dict[str, object]) -> None:
    """Options that exclude each other, or have no effect, end the command."""
    from vlcli.cli.screen import say

    said = {name for name, value in given.items() if value not in (None, False)}
    for pair in EXCLUDE:
        if said.issuperset(pair):
            say(f"{' and '.join(pair)} exclude each other. Keep one of them.")
            raise typer.Exit(USAGE)
    for name, others in NEED.items():
        if name in said and said.isdisjoint(others):
            say(f"{name} has no effect without {' or '.join(others)}. Add it, or leave {name} out.")
            raise typer.Exit(USAGE)


def _close(found: Extracted, say: Callable[[str], None]) -> None:
    """What came of it, in two or three lines."""
    each = f"{found.size / found.records:,.0f} bytes a picture, {_amount(found.size)} in all"
    if found.new:
        pace = found.new / max(found.seconds, 1e-9)
        say(f"{found.new:,} pictures in {found.seconds:,.1f} s, {pace:,.1f} a second; {each}.")
    else:
        say(f"Nothing was left to do: {found.records:,} pictures, {each}.")
    if not found.bad:
        return
    say(f"{len(found.bad):,} of {found.total:,} pictures could not be read:")
    for why in list(found.bad.values())[:SHOWN]:
        say(f"  {why}")
    more = f"and {len(found.bad) - SHOWN:,} more; " if len(found.bad) > SHOWN else ""
    say(f"  {more}{found.bad_file} lists them.")


app.command("info")(stored.info)
app.command("convert")(stored.convert)


def _amount(size: int) -> str:
    """Bytes in the unit that fits them."""
    unit, many = next(pair for pair in _UNITS if size >= pair[1] or pair[1] == 1)
    return f"{size / many:.3g} {unit}"


_UNITS = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3), ("bytes", 1))
