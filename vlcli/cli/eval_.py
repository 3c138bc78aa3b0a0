"""`vlcli eval`: the scores of a trained run on a split."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import Json, Overrides


def eval_(
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="What to evaluate, such as vqa; by default all of the run's. zeroshot, "
            "linear_probe, knn and sts judge runs of alignment.",
        ),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", help="A run; by default the newest finished of the task.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="A split, or your own data; by default test or valid."),
    ] = None,
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Evaluate a trained run; writes its predictions, too."""
    from vlcli.cli.reading import checked
    from vlcli.cli.scores import print_scores
    from vlcli.cli.screen import print_json
    from vlcli.cli.train import wake
    from vlcli.runs.folder import SPEC, RunFolder
    from vlcli.spec.entries import judged_by, known_as
    from vlcli.spec.problem import UserError

    task = task and (known_as("task", task) or task)
    if run:
        folder = RunFolder.find(run)
    elif task:
        folder = RunFolder.newest(*(judged_by(task) or (task,)))
    else:
        raise UserError("Nothing to evaluate. Name a task (--task vqa) or a run (--run NAME).", 2)
    reading = checked(folder.path / SPEC, overrides)
    trained = folder.facts.get("tasks", (task,))
    known = (*trained, folder.facts.get("task"))
    if task and task not in known and not set(judged_by(task)) & set(trained):
        raise UserError(
            f'{folder.path} was trained on {", ".join(folder.facts["tasks"])}, not on "{task}".', 3
        )
    wake()
    from vlcli.runs.evaluate import evaluate_run
    from vlcli.runtime.distributed import launched

    evaluations = evaluate_run(folder, reading.spec, split, task)
    if launched().rank:
        return
    if json:
        rows = [
            {
                "run": str(folder.path),
                "task": found.task,
                "split": found.split,
                "examples": len(found.examples),
                "metrics": found.scores,
                "notes": found.notes,
                "skipped": found.skipped,
                "submission": [str(path) for path in files],
            }
            for found, files in evaluations
        ]
        print_json(rows[0] if len(rows) == 1 else rows)
        return
    for found, files in evaluations:
        print(f"{folder.path}: {found.task}")
        print_scores(found.split, found.scores, found.notes)
        for path in files:
            print(f"to submit: {path}")
