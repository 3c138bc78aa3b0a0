"""Freezing: what trains, what trains twice over, and what should not stay frozen."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

METHODS = " ".join(facts.TUNING_METHODS)
FULL = "unfreeze_language_model"


def _nothing_chosen(run: Run) -> bool:
    """Whether the spec lets nothing train but what always does."""
    return facts.learns(run) and not facts.tuning_methods(run) and not facts.unfrozen(run)


@rule(RULES, "R39", "warning", "something trains beside the visual embedding", f"{FULL} {METHODS}")
def something_trains(run: Run) -> Iterator[Finding]:
    """Everything is frozen at first but the visual embedding (1.1 % of a bart-base model); a tuning
    method or an unfreeze_* key adds to that. A spec without any of them runs, but the language
    model cannot learn the task."""
    if _nothing_chosen(run) and facts.sees(run):
        head = " and the answer head" if run.classifier else ""
        yield Finding(
            (FULL,),
            f"Only the visual embedding{head} will train: no tuning method is on and nothing is "
            "unfrozen.",
            "Switch a method on, for example use_adapter: true, or set "
            "unfreeze_language_model: true.",
        )


@rule(RULES, "R141", "error", "a text-only run has something to train", f"use_vision {FULL}")
def text_only_trains(run: Run) -> Iterator[Finding]:
    """Without pictures the visual embedding is out of the computation. If no tuning method is on
    and nothing is unfrozen either, no parameter has a gradient, and the first step fails."""
    if _nothing_chosen(run) and not facts.sees(run) and not run.classifier:
        yield Finding(
            ("use_vision", FULL),
            "use_vision is false, no tuning method is on and nothing is unfrozen, so nothing would "
            "train.",
            "Switch a method on, for example use_adapter: true, or set "
            "unfreeze_language_model: true.",
        )


@rule(RULES, "R40", "warning", "full fine-tuning beside a method", f"{FULL} {METHODS}")
def full_beside_method(run: Run) -> Iterator[Finding]:
    """Tuning methods exist to leave the language model frozen. With unfreeze_language_model it
    trains too, at the learning rate of the method, which is usually far above that of full
    fine-tuning; the parts of the method train beside it."""
    methods = facts.tuning_methods(run)
    if run.unfreeze_language_model and methods:
        yield Finding(
            (FULL, *methods),
            f"unfreeze_language_model trains the whole language model beside {listed(methods)}.",
            f"Set unfreeze_language_model: false, or remove {listed(methods)}.",
        )


@rule(
    RULES,
    "R41",
    "warning",
    "unfrozen twice",
    f"{FULL} unfreeze_lm_head unfreeze_layer_norms",
)
def unfrozen_twice(run: Run) -> Iterator[Finding]:
    """unfreeze_language_model includes the output layer, the word embeddings and all layer norms of
    the language model, so unfreezing them by name adds nothing. Only an image tower with layer
    norms (raw_ViT, and some of raw:*) has others."""
    other = facts.sees(run) and (run.feature_type == "raw_ViT" or facts.is_any_tower(run))
    norms = () if other else ("unfreeze_layer_norms",)
    parts = [key for key in run.wrote("unfreeze_lm_head", *norms) if getattr(run, key)]
    if run.unfreeze_language_model and parts:
        yield Finding(
            tuple(parts),
            f"{listed(parts)} {'add' if len(parts) > 1 else 'adds'} nothing: "
            "unfreeze_language_model trains the whole language model already.",
            f"Remove {listed(parts)}.",
        )


@rule(RULES, "R142", "warning", "random weights stay frozen", f"from_scratch {FULL} load resume")
def random_and_frozen(run: Run) -> Iterator[Finding]:
    """from_scratch gives the language model random weights. A tuning method beside it trains its
    own small parts and leaves those random weights frozen for good, which is of use as a test of
    the machinery only."""
    methods = facts.tuning_methods(run)
    if (
        run.from_scratch
        and methods
        and facts.learns(run)
        and not (run.unfreeze_language_model or run.load or run.resume)
    ):
        yield Finding(
            ("from_scratch",),
            f"from_scratch gives random weights, and {listed(methods)} leave"
            f"{'' if len(methods) > 1 else 's'} them frozen.",
            "Set from_scratch: false, or unfreeze_language_model: true in place of the method.",
        )
