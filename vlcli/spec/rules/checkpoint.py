"""Where weights come from: one source, and one folder for a run that goes on."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []


@rule(RULES, "R120", "error", "random or loaded weights", "from_scratch load")
def random_or_loaded(run: Run) -> Iterator[Finding]:
    """from_scratch begins with random weights and load with stored ones. The published code loads
    first and then overwrites all of it with random numbers, without a word."""
    if len(run.on("from_scratch", "load")) == 2 and not run.resume:
        yield Finding(
            ("from_scratch", "load"),
            f'from_scratch asks for random weights and load for those of "{run.load}".',
            "Keep one of them: remove load, or set from_scratch: false.",
        )


@rule(RULES, "R154", "error", "a resumed run has its weights", "resume load from_scratch")
def resumed_weights(run: Run) -> Iterator[Finding]:
    """resume goes on where a run stopped: its weights, optimizer and data position. load and
    from_scratch say where a new run begins."""
    others = run.on("load", "from_scratch") if run.resume else []
    if others:
        yield Finding(
            (*others, "resume"),
            f'resume continues "{run.resume}" with its own weights, and {listed(others)} '
            f"{'ask' if len(others) > 1 else 'asks'} for others.",
            f"Remove {listed(others)}, or remove resume to begin a new run.",
        )


@rule(RULES, "R157", "error", "a resumed run stays in its folder", "resume output")
def resumed_folder(run: Run) -> Iterator[Finding]:
    """resume continues a run in the folder that it names, so that log and checkpoints stay
    together. Another output would split the run in two; a new run from the same weights has load
    and its own output."""
    if not run.resume or not run.output:
        return
    if os.path.normpath(run.resume) != os.path.normpath(run.output):
        yield Finding(
            ("output", "resume"),
            f'resume continues the run in "{run.resume}" and output names "{run.output}".',
            f'Remove output, or begin a new run with load: "{run.resume}" in place of resume.',
        )
