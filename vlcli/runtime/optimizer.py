"""The optimizers: the published AdamW on torch's fused kernels, and torch's own classes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Adamax, Optimizer, RMSprop
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from vlcli.spec.groups.training import TrainingArgs
from vlcli.spec.problem import UserError

FUSED_ON = ("cpu", "cuda", "mps")


class PublishedAdamW(Optimizer):
    """AdamW as the published runs had it (transformers 4.2.1, `correct_bias=True`):

    m, v as in Adam;  p -= lr sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps);  p -= lr wd p

    Epsilon is added before the bias correction of v, and decay follows the update. torch's AdamW,
    which does both the other way round, gives the same with epsilon eps / sqrt(1 - b2^t), rate
    lr (1 - lr wd) and decay wd / (1 - lr wd). t counts a parameter's own updates: those without a
    gradient (another task's adapters) rest, without decay.

    `fused` None takes torch's fused kernel where there is one, and `foreach` elsewhere. A group
    with "sgd": true takes plain steps: p -= lr (gradient + wd p).
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        fused: bool | None = None,
    ) -> None:
        self.fused = fused
        defaults: dict[str, Any] = {"lr": lr, "betas": betas, "eps": eps, "sgd": False}
        defaults["weight_decay"] = weight_decay
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group["sgd"]:
                _descend(group)
                continue
            for age, parameters in self._by_age(group["params"]).items():
                self._update(group, age + 1, parameters)
        return loss

    def _by_age(self, parameters: list[Tensor]) -> dict[int, list[Tensor]]:
        """Those with a gradient, by how many updates they have had."""
        ages = defaultdict(list)
        for parameter in parameters:
            if parameter.grad is None:
                continue
            state = self.state[parameter]
            if not state:
                state["step"] = torch.tensor(0.0)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            ages[int(state["step"].item())].append(parameter)
        return ages

    def _update(self, group: dict[str, Any], t: int, parameters: list[Tensor]) -> None:
        states = [self.state[parameter] for parameter in parameters]
        beta1, beta2 = group["betas"]
        lr, decay = group["lr"], group["weight_decay"]
        kept = 1.0 - lr * decay
        device = parameters[0].device
        fused = device.type in FUSED_ON if self.fused is None else self.fused
        before = torch.full((len(states),), t - 1.0, device=device if fused else "cpu")
        adamw(
            parameters,
            [parameter.grad for parameter in parameters if parameter.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            list(before.unbind()),
            foreach=not fused,
            fused=fused,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=lr * kept,
            weight_decay=decay / kept,
            eps=group["eps"] / math.sqrt(1.0 - beta2**t),
            maximize=False,
        )
        for state in states:
            state["step"] += 1


def _descend(group: dict[str, Any]) -> None:
    """SGD without momentum, as published for image towers."""
    moved = [parameter for parameter in group["params"] if parameter.grad is not None]
    sgd(
        moved,
        [parameter.grad for parameter in moved],
        [None] * len(moved),
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        momentum=0.0,
        dampening=0.0,
        nesterov=False,
        maximize=False,
    )


PLAIN: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamax": Adamax,
    "rms": RMSprop,
    "sgd": SGD,
}


# How many numbers each keeps for every parameter that trains.
KEPT: dict[str, int] = {"adamw": 2, "adam": 2, "adamax": 2, "rms": 1, "sgd": 0}


def kept_for(groups: Iterable[dict[str, Any]], optim: str) -> int:
    """How many bytes the optimizer of these groups keeps."""
    sizes = [
        0 if group.get("sgd") else sum(p.numel() * p.element_size() for p in group["params"])
        for group in groups
    ]
    return KEPT[optim] * sum(sizes)


def build_optimizer(args: TrainingArgs, groups: Iterable[dict[str, Any]]) -> Optimizer:
    """The optimizer of a run over an architecture's groups.

    `adamw` reads adam_eps, adam_beta1, adam_beta2 and each group's weight decay. adam, adamax, rms
    and sgd are torch's classes with the rate alone and their own defaults, as published: no weight
    decay. A group's own `lr` is its peak, which is kept as `initial_lr`.
    """
    ready = [_with_peak(group, args.lr) for group in groups]
    if not any(group["params"] for group in ready):
        raise UserError(
            "Nothing of this model trains: every parameter is frozen. Unfreeze a part of it "
            "(unfreeze_language_model: true), or choose a tuning method (use_adapter: true).",
            exit_code=3,
        )
    if args.optim != "adamw":
        bare = [group | {"weight_decay": 0.0} for group in ready]
        return PLAIN[args.optim](bare, lr=args.lr)  # type: ignore[call-arg]
    for group in ready:
        if group["lr"] * group["weight_decay"] >= 1:
            raise UserError(
                f"lr {group['lr']:g} times weight_decay {group['weight_decay']:g} is 1 or more, so "
                "each update would throw the weights away. Lower one of them.",
                exit_code=3,
            )
    betas = (args.adam_beta1, args.adam_beta2)
    return PublishedAdamW(ready, args.lr, betas, args.adam_eps)


def _with_peak(group: dict[str, Any], lr: float) -> dict[str, Any]:
    peak = group.get("lr", lr)
    return {"weight_decay": 0.0} | group | {"lr": peak, "initial_lr": peak}
