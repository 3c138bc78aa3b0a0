"""One of several processes: losses of a shared linear map on its rows, and the mean gradient."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.archs.dual_encoder.test_losses import args
from vlcli.archs.dual_encoder.gathering import together
from vlcli.archs.dual_encoder.losses.pairs import Pairs
from vlcli.archs.dual_encoder.losses.table import loss_of
from vlcli.archs.dual_encoder.objectives import OBJECTIVES
from vlcli.runtime import distributed

SETTINGS = {"": (True, True), "whole": (False, True), "legacy": (False, False)}
QUEUE = 12
SCALE = torch.tensor(10.0, dtype=torch.float64)
BIAS = torch.tensor(-10.0, dtype=torch.float64)


def gradient(name: str, held: dict[str, Tensor], setting: str) -> dict[str, Tensor]:
    """The gradient of the linear map after averaging over processes weighted by their rows, the
    mean loss, and what the loss remembers."""
    each = OBJECTIVES[name]
    weight = held["W"].clone().requires_grad_()
    rank, world, many = distributed.rank(), distributed.world(), len(held["S"])
    uneven = many % world > 0  # and then plainly so
    cut = [0, *(many * (r + 1) // world + (uneven and r + 1 < world) for r in range(world))]
    mine = slice(cut[rank], cut[rank + 1])
    learner, target = held["S"][mine] @ weight, held["T"][mine] @ weight
    width = held["W"].shape[1]
    torch.manual_seed(0)
    loss = loss_of(name, width, args(queue_size=QUEUE)).double()
    labels = held["labels"].clamp_min(0) if name == "CrossEntropy" else held["labels"]
    pairs = Pairs(
        learner,
        target.detach() if each.directed else target,
        slice(0, len(learner)),
        labels[mine] if each.labels else None,
        held.get("scale", SCALE),
        BIAS,
    )
    if each.gathers:
        pairs = together(pairs, *SETTINGS[setting])
    value = loss(pairs)
    (value * len(learner) * world / many).backward()
    assert weight.grad is not None
    sums = torch.cat([weight.grad.flatten(), (value.detach() * len(learner))[None]])
    distributed.sum_over_ranks(sums)
    found = {"gradient": sums[:-1] / world, "loss": sums[-1:] / many}
    return found | {f"memory.{k}": v.double() for k, v in loss.state_dict().items()}


def main(folder: Path) -> None:
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    held = load_file(folder / "in.safetensors")
    found: dict[str, Tensor] = {}
    for name in OBJECTIVES:
        for setting in SETTINGS:
            for key, value in gradient(name, held, setting).items():
                found[f"{name}|{setting}|{key}"] = value.contiguous()
    if distributed.rank() == 0:
        save_file(found, folder / f"out{distributed.world()}.safetensors")
    distributed.leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
