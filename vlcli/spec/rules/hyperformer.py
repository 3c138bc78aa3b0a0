"""Hyperformer: which generators make its adapters, and what generation changes."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

GENERATORS = ("unique_hyper_net", "efficient_unique_hyper_net")
GENERATED_NORMS = ("add_layer_norm_before_adapter", "add_layer_norm_after_adapter")


@rule(
    RULES, "R2", "error", "a hyperformer has generators", "use_hyperformer " + " ".join(GENERATORS)
)
def generators_are_chosen(run: Run) -> Iterator[Finding]:
    """The hyperformer generates adapter weights, either by one generator per block type
    (unique_hyper_net) or by one for all of them (efficient_unique_hyper_net, the hyperformer++ of
    the paper). With neither there is nothing that generates; the published code stops with an
    assertion."""
    if run.use_hyperformer and not run.on(*GENERATORS):
        yield Finding(
            ("use_hyperformer", *GENERATORS),
            "use_hyperformer is on, and neither unique_hyper_net nor efficient_unique_hyper_net "
            "says what generates its adapters.",
            "Set unique_hyper_net: true, or efficient_unique_hyper_net: true for fewer parameters.",
        )


@rule(RULES, "R3", "warning", "one choice of generators", " ".join(GENERATORS))
def one_choice_of_generators(run: Run) -> Iterator[Finding]:
    """unique_hyper_net and efficient_unique_hyper_net choose between two sets of generators. With
    both on, the efficient one is built, here as in the published code."""
    if run.use_hyperformer and len(run.on(*GENERATORS)) == 2:
        yield Finding(
            GENERATORS,
            "unique_hyper_net and efficient_unique_hyper_net are both on; the efficient one is "
            "built and unique_hyper_net has no effect.",
            "Keep the one you mean and set the other to false.",
        )


@rule(RULES, "R5", "error", "the task embedding has a width", "projected_task_embedding_dim")
def task_embedding_has_width(run: Run) -> Iterator[Finding]:
    """projected_task_embedding_dim is the width of what enters the generators. -1 stands for the
    paper's 64; a layer of width 0 could tell no task from another."""
    if run.projected_task_embedding_dim == 0:
        yield Finding(
            ("projected_task_embedding_dim",),
            "projected_task_embedding_dim is 0, a task embedding without width.",
            "Set it to at least 1, or to -1, which means 64.",
        )


@rule(RULES, "R37", "warning", "z of a BART hyperformer", "track_z use_hyperformer backbone")
def z_of_one_place(run: Run) -> Iterator[Finding]:
    """On BART one hyperformer controller serves all places of a layer in turn and keeps the
    activations of its last use. The z term therefore sees those of the feed-forward adapters
    alone, in the published code and here, where results are comparable. On T5 every place has its
    own controller."""
    if run.track_z and run.use_hyperformer and run.task == "multitask":
        if facts.family(run) != "bart":
            return
        yield Finding(
            ("track_z", "use_hyperformer"),
            "On BART, the z term of a hyperformer counts the feed-forward adapters alone, not "
            "those of attention.",
            "Set track_z: false, or take use_adapter, which counts every adapter.",
        )


@rule(
    RULES,
    "R44",
    "warning",
    "generators of cross-attention adapters",
    "add_adapter_cross_attn use_hyperformer",
)
def idle_cross_generators(run: Run) -> Iterator[Finding]:
    """add_adapter_cross_attn: false leaves the generated adapters out of cross-attention. What
    generates them is built all the same, a generator of its own (unique_hyper_net) or a row of the
    block embedding (efficient_unique_hyper_net): the share of trainable parameters stays what it
    was."""
    if run.use_hyperformer and not run.add_adapter_cross_attn:
        yield Finding(
            ("add_adapter_cross_attn",),
            "add_adapter_cross_attn: false saves a hyperformer no parameters: what generates the "
            "cross-attention adapters is built and counted all the same.",
            "Remove add_adapter_cross_attn, unless cross-attention is to go without adapters.",
        )


@rule(
    RULES,
    "R45",
    "warning",
    "generated layer norms start near 0",
    "use_hyperformer " + " ".join(GENERATED_NORMS),
)
def generated_norms(run: Run) -> Iterator[Finding]:
    """With a hyperformer, the layer norms around an adapter are generated like its other weights,
    by layers with small weights and no bias. Their scale therefore starts near 0, where an ordinary
    layer norm starts at 1, and the adapter adds next to nothing at first."""
    norms = run.on(*GENERATED_NORMS)
    if run.use_hyperformer and norms:
        yield Finding(
            tuple(norms),
            f"A hyperformer generates the layer norm{'s' if len(norms) > 1 else ''} of "
            f"{listed(norms)}, so {'their' if len(norms) > 1 else 'its'} scale starts near 0, not "
            "at 1.",
            f"Remove {listed(norms)}, unless you want that start.",
        )
