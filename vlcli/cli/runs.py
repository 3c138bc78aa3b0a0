"""`vlcli runs`: what has been trained here."""

from __future__ import annotations

import time
from typing import Any

from vlcli.cli.options import Json


def runs(json: Json = False) -> None:
    """List the runs in snap/: task, method, score, age."""
    from vlcli.cli.screen import print_json, print_table, say
    from vlcli.runs.folder import SNAP, RunFolder

    found = [(str(run.path), run.facts) for run in RunFolder.all()]
    if json:
        print_json([{"run": path, **facts} for path, facts in found])
        return
    if not found:
        say(f"There are no runs in {SNAP}/ yet. Begin with: vlcli train SPEC")
        return
    print_table([_row(path, facts) for path, facts in found], HEADINGS)


HEADINGS = ("run", "task", "arch", "method", "score", "status", "age", "comment")


def _row(path: str, facts: dict[str, Any]) -> tuple[str, ...]:
    score = facts.get("score") or {}
    shown = f"{score['name']} {score['value']:.4g}" if score.get("value") is not None else "-"
    return (
        path,
        " + ".join(facts.get("tasks", ())),
        str(facts.get("arch", "-")),
        str(facts.get("method", "-")),
        shown,
        str(facts.get("status", "-")),
        _age(time.time() - facts.get("started", time.time())),
        " ".join(filter(None, (_other_name(path, facts), str(facts.get("comment", ""))))),
    )


def _other_name(path: str, facts: dict[str, Any]) -> str:
    """A run_name that the folder does not show."""
    name = str(facts.get("name", ""))
    return "" if name in path else name


def _age(seconds: float) -> str:
    """ "3 min", "5 h", "12 days"."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 if unit == "days" else 1) * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
