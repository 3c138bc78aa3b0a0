"""Runs that train nothing, test nothing, or cannot stop when they should."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, rule

RULES: list[Rule] = []


def _split(run: Run) -> str:
    """A test split that the run's task has."""
    known = {
        "vqa": "karpathy_test",
        "caption": "karpathy_test",
        "gqa": "testdev",
        "mmt": "test_2016_flickr",
        "tvqa": "test_public",
        "how2qa": "test_public_release",
        "tvc": "test_release",
        "yc2c": "test_release",
    }
    return "test" if run.dataset else known.get(run.task or "", "test")


@rule(RULES, "R155", "error", "a test without a split", "test_only test")
def nothing_to_test(run: Run) -> Iterator[Finding]:
    """test_only: true trains nothing and evaluates on the split that test names; with test: null
    there is nothing to do."""
    if run.test_only and not run.test:
        yield Finding(
            ("test_only", "test"),
            "test_only tests and does nothing else, and test names no split.",
            f'Set test: "{_split(run)}".',
        )


@rule(RULES, "R156", "error", "nothing to do", "epochs test dry")
def nothing_to_do(run: Run) -> Iterator[Finding]:
    """epochs: 0 trains nothing. With a test split the run tests, with dry: true it validates once;
    with neither it would only write the weights it began with."""
    if run.epochs == 0 and not run.test and not run.test_only and not run.dry:
        yield Finding(
            ("epochs", "test"),
            "epochs is 0 and test names no split, so the run would neither train nor test.",
            f'Set epochs: 1 or more, or test: "{_split(run)}".',
        )


@rule(RULES, "R159", "warning", "a test of untrained weights", "test_only epochs load resume")
def untrained_weights(run: Run) -> Iterator[Finding]:
    """A run that only tests takes its weights from load or resume. Without them it tests a backbone
    that has never seen a picture, with a random visual embedding; but for two pretrained towers
    without heads, which are whole."""
    only = "test_only" if run.test_only else "epochs" if run.epochs == 0 else None
    if only and run.test and not run.load and not run.resume and not _whole(run):
        how = "test_only is true" if only == "test_only" else "epochs is 0"
        yield Finding(
            (only, "load"),
            f"{how} and neither load nor resume is set, so untrained weights are tested.",
            "Set load to the run folder or weight file to test.",
        )


def _whole(run: Run) -> bool:
    sides = ("image", "text")
    pretrained = all(run.values.get(f"pretrained_{side}_model") for side in sides)
    return pretrained and not any(run.values.get(f"{side}_head_n_layers") for side in sides)


@rule(RULES, "R164", "warning", "too few epochs to stop early", "early_stopping epochs")
def too_few_epochs(run: Run) -> Iterator[Finding]:
    """early_stopping ends training after so many validations without a better score, and there is
    one validation per epoch. From as many epochs on as the run has, it never comes to that."""
    if facts.learns(run) and run.early_stopping >= run.epochs:
        fix = "Remove early_stopping."
        if run.epochs > 2:
            fix = f"Set early_stopping: {max(1, run.epochs // 3)}, or remove it."
        yield Finding(
            ("early_stopping", "epochs"),
            f"early_stopping waits for {run.early_stopping} validations and epochs is "
            f"{run.epochs}, so it never acts.",
            fix,
        )
