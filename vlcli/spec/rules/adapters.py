"""Adapters of all kinds: what they exclude, their widths, and the tasks that own them."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, listed, rule

RULES: list[Rule] = []

KINDS = " ".join(facts.ADAPTER_KINDS)


@rule(RULES, "R1", "error", "one kind of adapter at a time", KINDS)
def one_adapter_kind(run: Run) -> Iterator[Finding]:
    """Bottleneck adapters, hyperformer, compacter and low-rank adapters all stand at the same
    places of a layer, so a model holds at most one kind of them. The published code stops with an
    assertion."""
    kinds = facts.adapter_kinds(run)
    if len(kinds) > 1:
        yield Finding(
            tuple(kinds),
            f"{listed(kinds)} are on together; a model holds one kind of adapter.",
            f"Keep one of them, for example {kinds[0]}: true, and set the other"
            f"{'s' if len(kinds) > 2 else ''} to false.",
        )


@rule(RULES, "R12", "error", "the bottleneck has a width", "reduction_factor " + KINDS)
def bottleneck_has_width(run: Run) -> Iterator[Finding]:
    """The bottleneck of an adapter is D // reduction_factor wide, D being the model's width. Above
    D that is 0: the published code builds such an adapter without complaint, and all it can ever
    add is one bias."""
    D = facts.width(run)
    if D and facts.adapter_kinds(run) and run.reduction_factor > D:
        yield Finding(
            ("reduction_factor",),
            f"reduction_factor is {run.reduction_factor} and the model is {D} wide, so adapters "
            "would have no width.",
            f"Set reduction_factor to at most {D}; the default is 16.",
        )


@rule(RULES, "R13", "warning", "reduction_factor divides the width", "reduction_factor " + KINDS)
def factor_divides_width(run: Run) -> Iterator[Finding]:
    """The bottleneck is D // reduction_factor wide, rounded down. Where the factor does not divide
    the model's width D, the adapter is smaller than the factor says."""
    D, r = facts.width(run), facts.bottleneck(run)
    if D and r and facts.adapter_kinds(run) and D % run.reduction_factor:
        near = facts.near_divisors(D, run.reduction_factor)
        yield Finding(
            ("reduction_factor",),
            f"reduction_factor is {run.reduction_factor} and does not divide the model width {D}, "
            f"so the bottleneck is rounded down to {r}.",
            f"Set reduction_factor to {listed(map(str, near), 'or')}.",
        )


@rule(
    RULES, "R14", "warning", "low_rank_rank fits its projections", "low_rank_rank reduction_factor"
)
def rank_within_bottleneck(run: Run) -> Iterator[Finding]:
    """A low-rank adapter writes each projection between the model's width and the bottleneck as a
    product of two thin matrices. A product of rank above the smaller side can express nothing that
    a full matrix cannot, and has more parameters."""
    D, r = facts.width(run), facts.bottleneck(run)
    if D and r and run.use_lradapter and run.low_rank_rank > min(D, r):
        yield Finding(
            ("low_rank_rank",),
            f"low_rank_rank is {run.low_rank_rank} and the bottleneck is {r} wide; a rank above "
            f"{r} adds parameters and nothing else.",
            f"Set low_rank_rank to at most {r}, or take use_adapter, whose projections are full.",
        )


@rule(RULES, "R17", "error", "the trained task owns parameters", "tasks task use_lora " + KINDS)
def trained_tasks_own_parts(run: Run) -> Iterator[Finding]:
    """Adapters, LoRA and prompts are registered under the names in `tasks`, and each batch looks
    its own up by the name of its task. A trained task that `tasks` leaves out finds nothing there;
    the published code stops with a KeyError at the first step. Without `tasks`, the list is the one
    task of the run."""
    missing = [task for task in facts.trained_tasks(run) if task and task not in run.tasks]
    parts = facts.has_parts_per_task(run)
    if run.tasks and missing and parts:
        names = listed(f'"{task}"' for task in missing)
        owners = listed(f'"{task}"' for task in run.tasks)
        yield Finding(
            ("tasks",),
            f"{listed(parts)} {'keep' if len(parts) > 1 else 'keeps'} parameters for {owners}, the "
            f"names in tasks, and the run trains on {names}.",
            f"Add {names} to tasks, or remove tasks.",
        )


@rule(RULES, "R34", "error", "track_z has adapters to track", "track_z task " + KINDS)
def z_has_adapters(run: Run) -> Iterator[Finding]:
    """The z term is the mean square of bottleneck activations over all adapters of the model.
    Without an adapter kind there is none to take a mean of, and the published code divides by
    zero."""
    if run.track_z and run.task == "multitask" and not facts.adapter_kinds(run):
        yield Finding(
            ("track_z",),
            "track_z averages over the adapters of the model, and no adapter kind is on.",
            "Set track_z: false, or switch an adapter kind on, for example use_adapter: true.",
        )


@rule(RULES, "R46", "error", "task names can name parameters", "tasks")
def usable_task_names(run: Run) -> Iterator[Finding]:
    """The names in `tasks` become parts of parameter names, such as
    attn_adapter.adapters.vqa.down_sampler.weight. There a dot separates the parts and no part is
    empty, so neither can stand in a name; PyTorch refuses to build such a module."""
    if any(not name.strip() for name in run.tasks):
        kept = ",".join(name for name in run.tasks if name.strip())
        yield Finding(
            ("tasks",),
            "tasks holds an empty name.",
            f'Remove what is left over: tasks: "{kept}".'
            if kept
            else "Name a task, or remove tasks.",
        )
    dots = list(dict.fromkeys(name for name in run.tasks if "." in name))
    if dots:
        names = listed(f'"{name}"' for name in dots)
        yield Finding(
            ("tasks",),
            f"tasks names {names}; a dot cannot stand in a name that parameters carry.",
            "Use task names without a dot (`vlcli list tasks` shows those there are).",
        )


@rule(RULES, "R132", "warning", "each task is named once", "tasks")
def no_task_twice(run: Run) -> Iterator[Finding]:
    """A task that `tasks` names twice has one set of parameters all the same. A multitask run would
    count it as two tasks: its batches come twice in an epoch, and averages over tasks weigh it
    double."""
    repeated = [name for name in dict.fromkeys(run.tasks) if name and run.tasks.count(name) > 1]
    if repeated:
        names = listed(f'"{name}"' for name in repeated)
        kept = ",".join(dict.fromkeys(name for name in run.tasks if name))
        yield Finding(
            ("tasks",),
            f"tasks names {names} more than once; a task has one set of parameters all the same.",
            f'Name each task once: tasks: "{kept}".',
        )
