"""The processes of a run: who is who, what they share, how they part."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from vlcli.spec.groups.compute import ComputeArgs
from vlcli.spec.problem import UserError

T = TypeVar("T")
LAUNCH = "torchrun --nproc_per_node 2 -m vlcli ..."


class Launch(NamedTuple):
    """What the launcher says of this process: its number, how many there are, its number on this
    machine. Known before any connection is made."""

    rank: int
    world: int
    local_rank: int


def launched() -> Launch:
    """As torchrun set the environment; one process where nothing is set."""
    rank, world, local = (os.environ.get(key) for key in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Launch(int(rank or 0), int(world or 1), int(local or rank or 0))


def check_launch(args: ComputeArgs, written: Collection[str]) -> None:
    """Raise UserError where a launch key that somebody wrote disagrees with the launcher."""
    launch = launched()
    for key in ("distributed", "multiGPU"):
        if key not in written:
            continue
        asked: bool = getattr(args, key)
        if asked and launch.world == 1:
            raise UserError(
                f"{key} is true and one process runs alone: start it with `{LAUNCH}` "
                f"(`accelerate launch` runs a single process on the CPU), or leave {key} out.",
                exit_code=3,
            )
        if not asked and launch.world > 1:
            raise UserError(
                f"{key} is false and the launcher started {launch.world} processes. "
                f"Leave {key} out, or start one process.",
                exit_code=3,
            )
    alone = "RANK" not in os.environ
    if "local_rank" in written and args.local_rank >= 0 and alone:
        raise UserError(
            f"local_rank is {args.local_rank} and no launcher runs. Start with `{LAUNCH}`, or "
            "leave local_rank out.",
            exit_code=3,
        )
    if "local_rank" in written and not alone and args.local_rank != launch.local_rank:
        raise UserError(
            f"local_rank is {args.local_rank} and the launcher numbered this process "
            f"{launch.local_rank}. Leave local_rank out.",
            exit_code=3,
        )


def together() -> bool:
    """Whether several processes are connected."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """This process's number among the connected ones."""
    return dist.get_rank() if together() else 0


def world() -> int:
    """How many processes are connected."""
    return dist.get_world_size() if together() else 1


def sum_over_ranks(values: Tensor) -> Tensor:
    """The elementwise sum over all processes; in place."""
    if together():
        dist.all_reduce(values)
    return values


def gather(value: T) -> list[T]:
    """Every process's value, by rank, on all of them. For small picklable things."""
    if not together():
        return [value]
    values: list[T | None] = [None] * world()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def from_first(value: T) -> T:
    """Rank 0's value, on all processes."""
    if not together():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def on_first(look: Callable[[], T]) -> T:
    """What rank 0 finds, on all processes; its UserError is everybody's."""
    found: T | None = None
    problem: UserError | None = None
    if rank() == 0:
        try:
            found = look()
        except UserError as error:
            problem = error
    found, problem = from_first((found, problem))
    if problem is not None:
        raise problem
    return found  # type: ignore[return-value]


def wait() -> None:
    """Return when every process has come here."""
    if together():
        if torch.cuda.is_available() and dist.get_backend() == "nccl":
            dist.barrier(device_ids=[torch.cuda.current_device()])
        else:
            dist.barrier()


def leave() -> None:
    """Part in order: gloo aborts now and then when a process leaves before the others are done."""
    if dist.is_available() and dist.is_initialized():
        wait()
        dist.destroy_process_group()
