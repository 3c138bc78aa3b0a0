"""What tuning methods put into a model starts as in the published code: the same constants, and
random values of the same mean and spread."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pytest
import torch
from torch import nn

from tests.archs.vlt5.recorded import case, names, needs_recordings, new_model_of
from vlcli.peft.freezing import Tuned, owners
from vlcli.spec.methods import methods_on

pytestmark = needs_recordings

SURE = 5  # standard errors


class Values(NamedTuple):
    """Some values: how many, their mean and their standard deviation."""

    n: int
    mean: float
    std: float

    @classmethod
    def together(cls, parts: Iterable[Values]) -> Values:
        parts = list(parts)
        n = sum(part.n for part in parts)
        mean = sum(part.n * part.mean for part in parts) / n
        inside = sum((part.n - 1) * part.std**2 for part in parts)
        between = sum(part.n * (part.mean - mean) ** 2 for part in parts)
        return cls(n, mean, math.sqrt((inside + between) / max(n - 1, 1)))


def put_in(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of tuning methods."""
    inside = {name for name, types in owners(model).items() if any(map(_tuned, types))}
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name in inside or ".lora_" in name
    }


def _tuned(kind: type) -> bool:
    return issubclass(kind, Tuned)


def alike(name: str, tasks: Iterable[str]) -> str:
    """A name without its layer and its task: such parameters are drawn in the same way."""
    layerless = re.sub(r"\b(layers|block|layer)\.\d+", r"\1", name)
    return ".".join("task" if part in tasks else part for part in layerless.split("."))


TUNED = [name for name in names("init_mean_std") if methods_on(case(name).args)]


@pytest.mark.parametrize("name", [n for n in TUNED if not case(n).without_lora])
def test_first_weights_of_what_methods_put_in_are_as_published(name: str) -> None:
    recorded = case(name)
    theirs = recorded.facts["init_mean_std"]
    torch.manual_seed(11)
    own = {n: p for n, p in put_in(new_model_of(recorded)).items() if n in theirs}
    assert own or recorded.args.unfreeze_language_model
    kinds = defaultdict(list)
    for parameter in own:
        kinds[alike(parameter, recorded.args.tasks)].append(parameter)
    for kind, members in kinds.items():
        ours = Values.together(
            Values(p.numel(), p.mean().item(), p.std().item() if p.numel() > 1 else 0.0)
            for p in (own[member].detach() for member in members)
        )
        wanted = Values.together(Values(own[member].numel(), *theirs[member]) for member in members)
        if wanted.std == 0:
            assert all((own[member] == wanted.mean).all() for member in members), kind
            continue
        n = wanted.n
        assert abs(ours.mean - wanted.mean) < SURE * wanted.std * math.sqrt(2 / n), kind
        assert abs(ours.std / wanted.std - 1) < max(0.15, SURE / math.sqrt(n)), kind
