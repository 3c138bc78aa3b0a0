"""A moving average of the weights, and mixtures with those that a run began with (B23)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vlcli.runtime.average import Average, mixed, moving, wearing
from vlcli.runtime.trainer import Trainer
from vlcli.spec.problem import UserError

from .tiny import trainer_for, weights

RUN: dict[str, Any] = {"dropout": 0.3, "model_ema": True, "model_ema_decay": 0.75}


def kept(folder: Path, step: int, name: str) -> dict[str, torch.Tensor]:
    return load_file(folder / f"checkpoints/step-{step:06d}/{name}.safetensors")


def test_the_average_is_that_of_the_weights_after_each_update(tmp_path: Path) -> None:
    plain = trainer_for(tmp_path / "plain", save_every=1, keep=99, dropout=0.3)
    begun = weights(plain)
    plain.train()
    trainer_for(tmp_path / "averaged", save_every=1, keep=99, **RUN).train()
    average = begun["inner.weight"]
    for step in range(1, 13):
        last = kept(tmp_path / "plain", step, "weights")["inner.weight"]
        assert torch.equal(kept(tmp_path / "averaged", step, "learning")["inner.weight"], last)
        average = 0.75 * average + 0.25 * last
        found = kept(tmp_path / "averaged", step, "weights")["inner.weight"]
        torch.testing.assert_close(found, average, atol=1e-6, rtol=1e-5)


def test_validation_and_the_best_checkpoint_have_the_averaged_weights(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def trainer() -> Trainer:
        made = trainer_for(tmp_path, **RUN, validate=lambda: look(made))
        return made

    def look(made: Trainer) -> dict[str, float]:
        seen.append(made.architecture.inner.weight.detach().clone())
        return {"accuracy": float(len(seen))}

    made = trainer()
    made.train()
    learned = made.architecture.inner.weight.detach().clone()
    assert not torch.equal(seen[-1], learned)
    made.load_best()
    assert torch.equal(made.architecture.inner.weight, seen[-1])


def test_resuming_goes_on_with_both_to_the_bit(tmp_path: Path) -> None:
    trainer_for(tmp_path / "whole", save_every=1, keep=99, **RUN).train()
    again = trainer_for(tmp_path / "again", **RUN)
    again.resume(tmp_path / "whole/checkpoints/step-000005")
    again.train()
    for name in ("weights", "learning", "optimizer"):
        one, other = (kept(tmp_path / each, 12, name) for each in ("whole", "again"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[each], other[each]) for each in one), name


def test_a_run_without_an_average_is_not_resumed_with_one(tmp_path: Path) -> None:
    trainer_for(tmp_path / "plain", save_every=1).train()
    with pytest.raises(UserError, match="has no moving average and this run has a "):
        trainer_for(tmp_path / "again", **RUN).resume(tmp_path / "plain/checkpoints/step-000012")


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.fixed = nn.Linear(3, 3).requires_grad_(False)


def test_statistics_are_averaged_counts_are_not_and_frozen_weights_are_left_out() -> None:
    model = Normed()
    average = Average(model, 0.5)
    model.norm(torch.full((4, 3), 8.0) + torch.arange(4.0)[:, None])
    average.update()
    assert average.held["norm.num_batches_tracked"] == 1
    assert torch.allclose(average.held["norm.running_mean"], model.norm.running_mean / 2)
    assert not [name for name in average.held if name.startswith("fixed")]
    with average.worn():
        assert torch.allclose(model.norm.running_mean, average.held["norm.running_mean"] / 2)
    assert torch.allclose(model.norm.running_mean / 2, average.held["norm.running_mean"])


def test_a_mixture_goes_from_the_one_to_the_other() -> None:
    one, other = Normed(), Normed()
    nn.init.normal_(other.norm.weight)
    begun, now = moving(one), moving(other)
    for share in (0.0, 0.5, 1.0):
        found = mixed(begun, now, share)
        wanted = (1 - share) * begun["norm.weight"] + share * now["norm.weight"]
        torch.testing.assert_close(found["norm.weight"], wanted)
        assert found.keys() == begun.keys()
    assert torch.equal(mixed(begun, now, 0.0)["norm.weight"], begun["norm.weight"])
    assert torch.equal(mixed(begun, now, 1.0)["norm.weight"], now["norm.weight"])
    with wearing(other, mixed(begun, now, 0.0)):
        assert torch.equal(other.norm.weight, one.norm.weight)
    assert not torch.equal(other.norm.weight, one.norm.weight)


def test_weights_of_another_model_cannot_be_mixed() -> None:
    begun = moving(Normed())
    now = {name: value for name, value in begun.items() if name != "norm.bias"}
    with pytest.raises(UserError, match=r"differ in 1 names \(norm.bias"):
        mixed(begun, now, 0.5)
