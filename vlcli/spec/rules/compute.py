"""Device, precision and the published launch flags."""

from __future__ import annotations

from collections.abc import Iterator

from .. import facts
from ..run import Run
from . import Finding, Rule, rule

RULES: list[Rule] = []


@rule(RULES, "R108", "error", "two launch flags that disagree", "distributed multiGPU")
def launch_flags(run: Run) -> Iterator[Finding]:
    """The published runners need distributed and multiGPU together: distributed alone stops them,
    multiGPU alone does nothing. Here the launcher (torchrun, accelerate launch) says how many
    processes work together, and written flags are compared with it when the run starts; two that
    say the opposite can never both be right."""
    if len(run.wrote("distributed", "multiGPU")) == 2 and run.distributed != run.multiGPU:
        on, off = ("distributed", "multiGPU") if run.distributed else ("multiGPU", "distributed")
        yield Finding(
            (off, on),
            f"{on} is true and {off} is false; a run has either several processes or one.",
            "Remove both: the launcher says how many processes there are.",
            None if run.distributed else "warning",
        )


@rule(RULES, "R109", "error", "half precision on the CPU", "device precision fp16")
def half_precision_on_cpu(run: Run) -> Iterator[Finding]:
    """fp16 mixed precision scales gradients for arithmetic that accelerators have; on the CPU the
    published code switches it off without a word. bf16 works on the CPU. With device: "auto" the
    run checks this when it knows the device. The number of a process (local_rank) comes from the
    launcher here, so none can be missing."""
    if run.device == "cpu" and facts.precision(run) == "fp16":
        fix = 'Set precision: "bf16"' if run.precision else "Set fp16: false"
        yield Finding(
            ("precision" if run.precision else "fp16", "device"),
            'fp16 arithmetic needs an accelerator and device is "cpu".',
            f'{fix}, or device: "auto".',
        )


@rule(RULES, "R150", "error", "two precisions", "fp16 precision")
def two_precisions(run: Run) -> Iterator[Finding]:
    """fp16: true is the published spelling of precision: "fp16". Beside another precision it is not
    clear which one is meant."""
    if run.fp16 and run.precision not in (None, "fp16"):
        yield Finding(
            ("fp16", "precision"),
            f'fp16 is true and precision is "{run.precision}".',
            f'Remove fp16 to compute in {run.precision}, or set precision: "fp16".',
        )
