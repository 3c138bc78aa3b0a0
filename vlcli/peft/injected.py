"""Methods of the `peft` library, put into the layers of any encoder.

It wraps linear layers and, where there are none, plain convolutions; a weight `x.weight` is called
`x.base_layer.weight` inside its wrapper. LoRA of fused attention is ours. Parts that a pooled
feature does not pass through are to be gone before.

r rank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from vlcli.hush import hushed
from vlcli.spec.library import ADAPTER, Part, read_for_encoder
from vlcli.spec.problem import UserError

POOLERS = re.compile(r"(^|\.)(pooler|pool|head|fc_norm)(\.|$)")


def inject(model: nn.Module, text: str) -> None:
    """Put a method of peft into an encoder. UserError where it has no place in this one."""
    import peft  # seconds: only runs that ask for it pay

    (part,) = read_for_encoder(text).parts
    fused = _attention(model, part) if part.name == "lora" else []
    places = _places(model, part)
    if not places and not fused:
        raise UserError(
            f"adapter asks for {text}, and this tower has no layer that takes it"
            + (" by these targets." if part.settings["targets"] else ".")
            + " Change targets, or choose peft:lora.",
            exit_code=3,
        )
    if fused and part.settings["dropout"]:
        raise UserError(
            f"adapter gives {part.name} dropout, and the fused attention of this tower takes none. "
            "Remove dropout, or leave attention out by targets.",
            exit_code=3,
        )
    for attention in fused:
        for owner, name in ((attention, "in_proj_weight"), (attention.out_proj, "weight")):
            update = Update(getattr(owner, name), part.settings["r"], part.settings["alpha"])
            register_parametrization(owner, name, update)
    if not places:
        return
    with hushed("peft"):
        try:
            config = _config(peft, part, model, places)
            if part.name == "vera":  # what all layers share is the tuner's, and so each layer's
                peft.VeraModel(model, {ADAPTER: config}, ADAPTER)
            else:
                peft.inject_adapter_in_model(config, model, ADAPTER)
        except ValueError as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise UserError(
                f"peft cannot put {text} into this tower: {first}. Change its options, or choose "
                "peft:lora.",
                exit_code=3,
            ) from error


class Update(nn.Module):
    """W -> W + alpha / r B A. peft folds it into the weights of fused attention and takes it out
    again in every pass, which changes their last bits; this leaves them as they are."""

    def __init__(self, weight: Tensor, r: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / r
        down = torch.empty(r, weight.shape[1], device=weight.device)
        nn.init.kaiming_uniform_(down, a=5**0.5)
        self.lora_A = nn.ParameterDict({ADAPTER: down})
        self.lora_B = nn.ParameterDict(
            {ADAPTER: torch.zeros(weight.shape[0], r, device=weight.device)}
        )

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * self.lora_B[ADAPTER] @ self.lora_A[ADAPTER]


def _attention(model: nn.Module, part: Part) -> list[nn.MultiheadAttention]:
    return [each for _, each in _named(model, part) if isinstance(each, nn.MultiheadAttention)]


def _places(model: nn.Module, part: Part) -> list[str]:
    """The layers that peft wraps, by name: normalisations; else linear layers outside of fused
    attention; else convolutions that mix all channels."""
    from transformers.pytorch_utils import Conv1D

    whole = nn.MultiheadAttention
    inside = tuple(f"{name}." for name, each in model.named_modules() if isinstance(each, whole))
    wanted: tuple[tuple[type[nn.Module], ...], ...] = ((nn.Linear, Conv1D),)
    if part.name == "ln_tuning":
        wanted = ((nn.LayerNorm, nn.GroupNorm),)
    elif part.name in ("lora", "loha", "dora"):
        wanted = ((nn.Linear, Conv1D), (nn.Conv2d,))
    for kinds in wanted:
        found = [
            name
            for name, each in _named(model, part)
            if isinstance(each, kinds) and not name.startswith(inside) and _mixes(each)
        ]
        if found:
            return found
        if inside:
            break
    return []


def _named(model: nn.Module, part: Part) -> Iterator[tuple[str, nn.Module]]:
    targets = part.settings["targets"]
    for name, each in model.named_modules():
        if any(target in name for target in targets) if targets else not POOLERS.search(name):
            yield name, each


def _mixes(layer: nn.Module) -> bool:
    return not isinstance(layer, nn.Conv2d) or layer.groups == 1


def _config(peft: Any, part: Part, model: nn.Module, places: list[str]) -> Any:
    asked = part.settings
    shared: dict[str, Any] = {"target_modules": "|".join(map(re.escape, places))}
    if part.name in ("lora", "dora"):
        return peft.LoraConfig(
            **shared,
            r=asked["r"],
            lora_alpha=asked["alpha"],
            lora_dropout=asked["dropout"],
            use_dora=part.name == "dora",
        )
    if part.name == "loha":
        return peft.LoHaConfig(
            **shared, r=asked["r"], alpha=asked["alpha"], module_dropout=asked["dropout"]
        )
    if part.name == "vera":
        return peft.VeraConfig(**shared, r=asked["r"], vera_dropout=asked["dropout"])
    if part.name == "oft":
        return peft.OFTConfig(**shared, r=asked["r"], oft_block_size=0)
    if part.name == "ia3":
        narrowing = [name for name in places if _narrows(model.get_submodule(name))]
        return peft.IA3Config(
            target_modules=shared["target_modules"],
            feedforward_modules="|".join(map(re.escape, narrowing)) or "none",
        )
    return peft.LNTuningConfig(**shared)


def _narrows(layer: Any) -> bool:
    """Whether it is the second of a feed-forward layer, which is scaled on its way in."""
    return bool(getattr(layer, "in_features", 0) > getattr(layer, "out_features", 0))
