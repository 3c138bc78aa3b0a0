"""`vlcli train`: check a spec, then train what it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlcli.cli.options import USAGE, Overrides

if TYPE_CHECKING:
    from vlcli.runs.train import Outcome, Plan


def train(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="A run spec (JSON5 file).")
    ] = None,
    overrides: Overrides = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Continue a run that stopped.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build everything and say what would train.")
    ] = False,
) -> None:
    """Train what a spec says, after checking all of it."""
    from vlcli.cli.reading import checked
    from vlcli.cli.screen import say

    if (spec is None) == (resume is None):
        say("Name a spec (vlcli train SPEC) or a run to continue (vlcli train --resume RUN).")
        raise typer.Exit(USAGE)
    path, run = _what(spec, resume)
    reading = checked(path, overrides)
    wake()
    from rich.console import Console

    from vlcli.runs import train as runs
    from vlcli.runtime.distributed import launched
    from vlcli.runtime.progress import screen_for

    plan = _plan(reading, path, run)
    if dry_run:
        print(runs.dry_run(plan))
        return
    outcome = runs.train(plan, screen_for(launched().rank == 0, Console(stderr=True)))
    if outcome.main:
        _show(outcome)
    if outcome.result is not None and outcome.result.stopped:
        raise typer.Exit(130)


def _what(spec: Path | None, resume: str | None) -> tuple[Path, Any]:
    """The spec to read, and the run to continue if one is named."""
    from vlcli.runs.folder import SPEC, RunFolder
    from vlcli.spec.problem import UserError

    if resume is None:
        assert spec is not None
        return spec, None
    run = RunFolder.find(resume)
    if not (run.path / SPEC).is_file():
        raise UserError(
            f"{run.path} has no {SPEC}: it ended before it began to train. Start it anew with its "
            "spec."
        )
    return run.path / SPEC, run


def wake() -> None:
    """From here on memory is used in earnest, and libraries speak of our own mistakes alone."""
    import gc
    import os

    gc.enable()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _plan(reading: Any, path: Path, run: Any) -> Plan:
    from vlcli.runs.folder import RunFolder
    from vlcli.runs.train import Plan
    from vlcli.spec.resolved import resolved
    from vlcli.spec.run import Run

    spec = reading.spec
    if run is None and spec.resume:
        run = RunFolder.find(spec.resume)
    return Plan(
        spec,
        resolved(reading),
        "stdin" if str(path) == "-" else path.stem,
        # A run folder's spec has every value written out, by us.
        frozenset() if run else reading.written,
        reading.chosen.spec.method(Run(reading.values)),
        run,
    )


def _show(outcome: Outcome) -> None:
    """The end of a run: scores, where things are, and what to try next."""
    from vlcli.cli.scores import print_scores
    from vlcli.cli.screen import say
    from vlcli.spec.entries import compares

    run = outcome.run.path
    if not outcome.evaluations:
        say(f"\nStopped after step {outcome.result.steps if outcome.result else 0}. Continue with:")
        print(f"vlcli train --resume {run}")
        return
    for found in outcome.evaluations:
        if len(outcome.evaluations) > 1:
            say(f"\n{found.task}")
        print_scores(found.split, found.scores, found.notes)
    waited = (
        outcome.result and f", {100 * outcome.result.waited:.1f} % of training waiting for data"
    )
    say(f"\n{outcome.seconds:.0f} s in all{waited or ''}. Everything is in {run}/")
    for path in outcome.submitted:
        say(f"To submit: {path}")
    if outcome.written:
        say(f"Pictures with predictions: {', '.join(map(str, outcome.written))}")
        found = outcome.evaluations[0]
        example = found.examples[0]
        first = outcome.written[0].with_name("first.png")
        question = example.record.get("text")
        texts = [question] if question else []
        if compares(found.task):
            said = found.predictions[example.id].text
            texts = list(dict.fromkeys([*example.references[:1], said]))
        say("Next:")
        text = "".join(f' --text "{each}"' for each in texts)
        text += f" --task {found.task}" if len(outcome.evaluations) > 1 else ""
        if len(example.images) == 1 and not example.regions:
            print(f"vlcli predict {run} --image {first}{text}")
