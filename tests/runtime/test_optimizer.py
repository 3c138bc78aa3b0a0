"""adamw is the published formula, whatever kernel computes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from vlcli.contracts import decay_groups
from vlcli.runtime.optimizer import PublishedAdamW, build_optimizer
from vlcli.runtime.schedule import Schedule
from vlcli.spec.problem import UserError

from .tiny import Classifier, spec


class Plain:
    """The published formula as it reads (transformers 4.2.1), one parameter at a time."""

    def __init__(self, groups: list[dict[str, Any]], betas: tuple[float, float], eps: float):
        self.groups, self.betas, self.eps = groups, betas, eps
        self.state: dict[Tensor, tuple[int, Tensor, Tensor]] = {}

    def step(self, factor: float) -> None:
        for group in self.groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, group["lr"] * factor, group["weight_decay"])

    def move(self, p: Tensor, lr: float, decay: float) -> None:
        assert p.grad is not None
        b1, b2 = self.betas
        t, m, v = self.state.get(p, (0, torch.zeros_like(p), torch.zeros_like(p)))
        t, m, v = t + 1, b1 * m + (1 - b1) * p.grad, b2 * v + (1 - b2) * p.grad**2
        self.state[p] = (t, m, v)
        size = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        p.data = p.data - size * m / (v.sqrt() + self.eps)
        p.data = p.data - lr * decay * p.data


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("eps", [1e-6, 1e-2])
@pytest.mark.parametrize(
    ("dtype", "spread", "bound"),
    [(torch.float64, 1.0, 1e-12), (torch.float32, 0.2, 1e-6)],
    ids=["fp64", "fp32"],
)
def test_adamw_is_the_published_formula(
    fused: bool, schedule: str, eps: float, dtype: torch.dtype, spread: float, bound: float
) -> None:
    """In fp64 it is the same formula. In fp32 both round, by the size of the weights: 0.2 is that
    of the recorded reference's (at 1.0 the plain formula itself is up to 1.7e-6 off)."""
    torch.manual_seed(0)
    args = spec(lr=0.01, lr_schedule=schedule, warmup_ratio=0.1, adam_eps=eps)
    sizes = ((7, 5), (9,), (3, 4))
    ours = [nn.Parameter((spread * torch.randn(size)).to(dtype)) for size in sizes]
    theirs = [p.detach().clone().double() for p in ours]
    groups = grouped(ours)
    betas = (args.adam_beta1, args.adam_beta2)
    optimizer = PublishedAdamW(groups, args.lr, betas, eps, fused=fused)
    plain, rates = Plain(grouped(theirs), betas, eps), Schedule(args, 50)
    for step in range(50):
        for each, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.randn(p.shape) * 10 ** (-each)
            p.grad, q.grad = gradient.to(dtype), gradient.double()
        if step % 3 == 1:  # another task's turn: the last one rests, without decay
            ours[2].grad = theirs[2].grad = None
        rates.set(optimizer, step)
        optimizer.step()
        plain.step(rates.factor(step))
    assert int(optimizer.state[ours[2]]["step"]) == 33
    for p, q in zip(ours, theirs, strict=True):
        assert float((p.detach().double() - q).abs().max()) < bound


def grouped(parameters: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [
        {"params": parameters[:1], "weight_decay": 0.3, "lr": 0.01, "initial_lr": 0.01},
        {"params": parameters[1:], "weight_decay": 0.0, "lr": 0.02, "initial_lr": 0.02},
    ]


def test_it_differs_from_torchs_own_adamw() -> None:
    def end(kind: Any) -> Tensor:
        p = nn.Parameter(torch.ones(3))
        optimizer = kind([{"params": [p]}], lr=0.1, eps=1e-2, weight_decay=0.5)
        for _ in range(5):
            p.grad = torch.full((3,), 0.01)
            optimizer.step()
        return p.detach()

    assert float((end(PublishedAdamW) - end(torch.optim.AdamW)).abs().max()) > 1e-2


def test_groups_bring_their_decay_and_their_own_rate() -> None:
    groups = Classifier().param_groups(0.01)
    groups[0]["lr"] = 0.1
    optimizer = build_optimizer(spec(lr=1.0), groups)
    shown = [(each["initial_lr"], each["weight_decay"]) for each in optimizer.param_groups]
    assert shown == [(pytest.approx(0.1), 0.01), (1.0, 0.0)]


def test_an_orthogonal_weight_outlives_decay() -> None:
    """Householder's form keeps signs beside what it learns: a decayed sign makes the weight 0."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 9), orthogonal(nn.Linear(9, 2, bias=False)))
    optimizer = build_optimizer(spec(lr=0.01), decay_groups(model.named_parameters(), 0.5))
    before = model[1].weight.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 9)).square().sum().backward()
        optimizer.step()
    weight = model[1].weight.detach()
    assert not torch.allclose(weight, before, atol=1e-3)
    assert torch.allclose(weight @ weight.T, torch.eye(2), atol=1e-5)


def test_a_group_may_take_plain_steps_beside_the_others() -> None:
    torch.manual_seed(0)
    adam, plain, twin = (nn.Parameter(torch.randn(3, 2)) for _ in range(3))
    twin.data = plain.data.clone()
    groups = [{"params": [adam], "weight_decay": 0.1}]
    groups += [{"params": [plain], "weight_decay": 0.2, "lr": 0.5, "sgd": True}]
    optimizer = build_optimizer(spec(lr=0.01), groups)
    sgd = torch.optim.SGD([twin], lr=0.5, weight_decay=0.2)
    alone = nn.Parameter(adam.data.clone())
    other = build_optimizer(spec(lr=0.01), [{"params": [alone], "weight_decay": 0.1}])
    for _ in range(3):
        adam.grad = alone.grad = torch.randn(3, 2)
        plain.grad = twin.grad = torch.randn(3, 2)
        for each in (optimizer, sgd, other):
            each.step()
    assert torch.allclose(plain, twin, atol=1e-6)
    assert adam.equal(alone)
    assert set(optimizer.state) == {adam}
    plain.grad = None  # a part that rests
    before = plain.detach().clone()
    optimizer.step()
    assert plain.equal(before)


def test_a_decay_that_eats_the_weights_is_one_sentence() -> None:
    groups = Classifier().param_groups(1.0)
    with pytest.raises(UserError, match=r"lr 2 times weight_decay 1 is 1 or more"):
        build_optimizer(spec(lr=2.0), groups)
