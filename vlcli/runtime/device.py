"""Where a run computes, and in which arithmetic."""

from __future__ import annotations

from typing import Literal

import torch

from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.problem import UserError

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]


def choose_device(name: str) -> Device:
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU.

    Raises UserError where a named device is absent.
    """
    present: list[Device] = [each for each in ("cuda", "mps", "cpu") if _is_there(each)]
    if name == "auto":
        return present[0]
    for each in present:
        if each == name:
            return each
    raise UserError(
        f'device is "{name}" and this machine has none that torch {torch.__version__} can use. '
        f'Set device to "{present[0]}" or "auto".',
        exit_code=3,
    )


def _is_there(device: Device) -> bool:
    if device == "cuda":
        return torch.cuda.is_available()
    if device == "mps":
        return torch.backends.mps.is_available()
    return True


def choose_precision(args: ComputeArgs, device: Device) -> Precision:
    """`precision`, or what `fp16` says; UserError where the device cannot do it."""
    if args.fp16 and args.precision not in (None, "fp16"):
        raise UserError(
            f'fp16 is true and precision is "{args.precision}". Keep one of them.', exit_code=3
        )
    precision: Precision = args.precision or ("fp16" if args.fp16 else "fp32")
    if precision == "fp16" and device == "cpu":
        raise UserError(
            'precision "fp16" needs a GPU and this run computes on the CPU. Set precision to '
            '"bf16" or "fp32".',
            exit_code=3,
        )
    if precision == "bf16" and device == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError(
            'This GPU has no bf16 arithmetic. Set precision to "fp16" or "fp32".', exit_code=3
        )
    return precision


def memory_in_use(device: torch.device) -> int:
    """Bytes: the most that torch has held on a GPU, or what this process holds now on the CPU."""
    import psutil  # type: ignore[import-untyped]

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    return int(psutil.Process().memory_info().rss)
