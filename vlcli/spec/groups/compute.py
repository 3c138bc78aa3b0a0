"""The machine: device, precision, processes."""

from typing import Literal

from ..fields import Group, arg


class ComputeArgs(Group):
    """Compute"""

    device: Literal["auto", "cpu", "cuda", "mps"] = arg(
        "auto", "Where the run computes; auto takes CUDA, then MPS, then the CPU.", new=True
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = arg(
        None,
        "Arithmetic of the forward pass: bf16 and fp16 are automatic mixed precision. Null means "
        "fp32, or fp16 where fp16 is true.",
        new=True,
    )
    fp16: bool = arg(False, 'Published spelling of precision: "fp16".')
    num_workers: int = arg(0, "Processes that load data.", ge=0)
    multiGPU: bool = arg(
        False, "Published launch flag; the launcher (torchrun) says how many processes run."
    )
    distributed: bool = arg(
        False,
        "Published launch flag; the launcher (torchrun) says whether processes work together.",
    )
    local_rank: int = arg(
        -1, "Published launch key; the launcher (torchrun) numbers its processes.", ge=-1
    )
    deepspeed: str | None = arg(
        None, "Path of a DeepSpeed configuration (JSON), used through accelerate."
    )
