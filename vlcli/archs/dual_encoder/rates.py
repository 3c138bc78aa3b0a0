"""Rates of layers: deeper ones learn slower, away from the output (layer-wise decay).

L layers of a tower, d the decay from one to the next, b the decay of all of them.
"""

from __future__ import annotations

from torch import nn

from vlcli.peft.freezing import of_library
from vlcli.spec.problem import UserError
from vlcli.towers.stages import levels

from .groups.rates import RateArgs


def scales(towers: dict[str, nn.Module], args: RateArgs) -> dict[str, float]:
    """The share of the rate that each parameter of these towers ("image", "text") has, by its name
    in its tower: b d^(L + 1 - i) for level i, and 1 for what follows the layers and for parts of a
    tuning method."""
    found: dict[str, float] = {}
    for side, tower in towers.items():
        decay = getattr(args, f"layer_decay_{side}")
        if decay == 1:
            continue
        held = levels(tower, words=side == "text")
        if held is None:
            raise UserError(
                f"layer_decay_{side} slows layers by their depth, and this {side} tower has no one "
                f"row of layers. Remove layer_decay_{side}, or choose another tower.",
                exit_code=3,
            )
        for name, level in held.of.items():
            if level < held.top and not of_library(name):
                found[f"{side}.tower.{name}"] = args.backbone_decay * decay ** (held.top - level)
    return found
