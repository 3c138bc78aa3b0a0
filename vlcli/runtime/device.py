"""Where a run computes, and in which arithmetic."""

from __future__ import annotations

import ctypes
import os
from typing import Literal

import torch

from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.problem import UserError

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]

# glibc's mallopt (malloc.h): what is asked for, what is allowed, and how a user says it instead
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER, GIGABYTE = -1, 1 << 30
OWN_WORDS = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}


def choose_device(name: str) -> Device:
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU, whose memory this
    process then keeps.

    Raises UserError where a named device is absent.
    """
    present: list[Device] = [each for each in ("cuda", "mps", "cpu") if _is_there(each)]
    chosen = present[0] if name == "auto" else name
    for each in present:
        if each == chosen:
            if each == "cpu":
                keep_memory()
            return each
    raise UserError(
        f'device is "{name}" and this machine has none that torch {torch.__version__} can use. '
        f'Set device to "{present[0]}" or "auto".',
        exit_code=3,
    )


def keep_memory() -> None:
    """Large blocks that are freed stay with this process, for the next step wants them again.
    Otherwise glibc returns each to the kernel, which clears every page before it gives it back:
    half the time of convolutions in fp32. Where the environment says what malloc is to do, it is
    left so, and other systems than glibc's know nothing of it."""
    if OWN_WORDS & os.environ.keys():
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, GIGABYTE)
    mallopt(M_TRIM_THRESHOLD, NEVER)


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
