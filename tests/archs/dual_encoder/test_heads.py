"""Projection heads against the recorded original, and their sizes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.archs.dual_encoder.recorded import needs_recordings, numbers, tensors
from vlcli.archs.dual_encoder.heads import Head

FIRST = (0.0458804788, -0.3177481396, -0.4119398171, 0.0810631666, 0.6029015404, 0.1446701810)
SECOND = (0.1018692264, -0.2474855366, -0.4395065178, 0.0185356210, 0.5342552965, 0.1944649139)
GOLDEN = ([*FIRST, -0.2116388266], [*SECOND, -0.1440788290])
CASES = ["golden", "n0_gelu", "n1_gelu"]
CASES += [f"n{n}_{kind}" for n in (2, 3, 4) for kind in ("gelu", "relu", "gelu_bn")]


def test_the_golden_head() -> None:
    head = Head(6, 4, 3, hidden=5, prototypes=7).double()
    for k, parameter in enumerate(head.mlp.parameters()):
        many = torch.arange(parameter.numel(), dtype=torch.float64)
        parameter.data.copy_(torch.sin(0.3 * many + k).view_as(parameter))
    v = head.last_layer.parametrizations.weight.original1
    many = torch.arange(v.numel(), dtype=torch.float64)
    v.data.copy_(torch.sin(0.3 * many + 7).view_as(v))
    x = torch.cos(0.7 * torch.arange(12, dtype=torch.float64)).view(2, 6)
    torch.testing.assert_close(
        head(x), torch.tensor(GOLDEN, dtype=torch.float64), atol=1e-9, rtol=0
    )
    embedded = [-0.7714870301, -0.1427477444, 0.6082428833, 0.1202972932]
    assert head.embed(x)[0].tolist() == pytest.approx(embedded, abs=1e-9)


@pytest.mark.parametrize(("layers", "count"), [(0, 0), (1, 400), (2, 1656), (3, 3296), (4, 4936)])
def test_sizes(layers: int, count: int) -> None:
    head = Head(24, 16, layers, hidden=40)
    assert sum(p.numel() for p in head.parameters()) == count
    assert head.width == (16 if layers else 24)


def test_a_head_of_prototypes_can_be_copied_and_trains_all_but_lengths() -> None:
    head = copy.deepcopy(Head(6, 4, 2, hidden=5, prototypes=7))
    frozen = [name for name, p in head.named_parameters() if not p.requires_grad]
    assert frozen == ["last_layer.parametrizations.weight.original0"]
    assert head.last_layer.weight.norm(dim=1).tolist() == pytest.approx([1.0] * 7, abs=1e-6)


def test_prototypes_follow_another_heads() -> None:
    one, other = (Head(6, 4, 1, prototypes=7) for _ in range(2))
    one.follow(other)
    assert torch.equal(one.last_layer.weight, other.last_layer.weight)


@needs_recordings
@pytest.mark.parametrize("case", CASES)
def test_recorded_heads(case: str) -> None:
    held, facts = tensors("dino_head"), numbers("dino_head")["heads"][case]
    head = Head(
        facts["in_dim"],
        facts["bottleneck_dim"] if facts["nlayers"] else facts["in_dim"],
        facts["nlayers"],
        facts["hidden_dim"],
        facts["out_dim"],
        norm=facts.get("use_bn", False),
        activation=nn.ReLU if facts.get("act") == "relu" else nn.GELU,
    ).double()
    start = f"w.{case}."
    weights = {k.removeprefix(start): v for k, v in held.items() if k.startswith(start)}
    for theirs, ours in (("weight_g", "original0"), ("weight_v", "original1")):
        weights[f"last_layer.parametrizations.weight.{ours}"] = weights.pop(f"last_layer.{theirs}")
    head.load_state_dict(weights)
    head.eval()
    x = held[f"in.{case}.x"].clone().requires_grad_()
    y = head(x)
    torch.testing.assert_close(y, held[f"out.{case}.y"], atol=1e-9, rtol=0)
    torch.testing.assert_close(head.embed(x), held[f"out.{case}.y_skip_last"], atol=1e-9, rtol=0)
    (y.pow(2) * torch.arange(y.shape[1])).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, held[f"out.{case}.dx"], atol=1e-9, rtol=0)
