"""The quick modules against the stock ones they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.models.t5.modeling_t5 import T5LayerNorm

from vlcli.quick import QuickDropout, QuickNorm, quicken


def test_the_quick_norm_has_the_stock_values_and_gradients() -> None:
    torch.manual_seed(0)
    stock = T5LayerNorm(16)
    stock.weight.data.normal_()
    pair = nn.Sequential(T5LayerNorm(16))
    pair[0].weight = nn.Parameter(stock.weight.detach().clone())
    quicken(pair)
    assert type(pair[0]) is QuickNorm
    x = torch.randn(3, 5, 16)
    seen = []
    for norm in (stock, pair):
        given = x.clone().requires_grad_(True)
        out = norm(given)
        out.backward(torch.cos(x))
        seen.append((out, given.grad, next(norm.parameters()).grad))
    for quick, plain in zip(seen[1], seen[0], strict=True):
        torch.testing.assert_close(quick, plain, atol=1e-5, rtol=1e-5)


def test_the_gradient_of_the_quick_norm_is_that_of_its_formula() -> None:
    norm = QuickNorm(4)
    frozen = norm.weight.detach()
    x = torch.randn(2, 4, requires_grad=True)
    out = norm(x)
    by_hand = x * frozen / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    (ours,) = torch.autograd.grad(out.sum(), x)
    (theirs,) = torch.autograd.grad(by_hand.sum(), x)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_quick_dropout_drops_the_share_it_should_and_keeps_the_mean(p: float) -> None:
    torch.manual_seed(0)
    out = QuickDropout(p)(torch.ones(1001, 333))
    share = (out == 0).float().mean().item()
    assert share == pytest.approx(p, abs=0.003)
    assert out.max().item() == pytest.approx(1 / (1 - p), rel=1e-4)
    assert (out[1:] == out[:-1]).float().mean().item() == pytest.approx(
        p**2 + (1 - p) ** 2, abs=0.005
    )


def test_quick_dropout_gives_its_mask_to_the_gradient() -> None:
    x = torch.ones(50, requires_grad=True)
    out = QuickDropout(0.5)(x)
    out.sum().backward()
    torch.testing.assert_close(x.grad, out.detach())


def test_quick_dropout_follows_the_seed_and_stands_still_in_evaluation() -> None:
    x, drop = torch.ones(9), QuickDropout(0.5)
    torch.manual_seed(3)
    one = drop(x)
    torch.manual_seed(3)
    torch.testing.assert_close(drop(x), one)
    assert drop.eval()(x) is x
    assert QuickDropout(1.0)(x).sum() == 0
