"""Stopping and resuming changes nothing, to the last bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from vlcli.runtime.checkpoint import Checkpoints, CorruptCheckpointError
from vlcli.runtime.telling import Logging
from vlcli.runtime.trainer import Trainer
from vlcli.spec.problem import UserError

from .tiny import Classifier, Cloud, trainer_for, weights

RUN: dict[str, Any] = {"dropout": 0.3, "epochs": 2, "clip_grad_norm": 1.0}


def straight(folder: Path, **values: Any) -> Trainer:
    """12 updates without a stop, with a checkpoint after each."""
    trainer = trainer_for(folder, save_every=1, keep=99, **{**RUN, **values})
    assert trainer.train().steps == 12
    return trainer


def same_files(one: Path, other: Path) -> None:
    for name in ("weights.safetensors", "optimizer.safetensors"):
        ours, theirs = load_file(one / name), load_file(other / name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[each], theirs[each]) for each in ours)
    for name in ("rng.json", "trainer.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize("optim", ["adamw", "rms"])
def test_resuming_anywhere_gives_the_same_run_as_never_stopping(tmp_path: Path, optim: str) -> None:
    whole = straight(tmp_path / "whole", optim=optim)
    for step in range(1, 12):
        torch.rand(step)  # the new process has drawn other numbers
        again = trainer_for(tmp_path / f"from-{step}", **RUN, optim=optim)
        again.resume(tmp_path / f"whole/checkpoints/step-{step:06d}")
        assert again.position.step == step
        assert again.train().steps == 12
        ours, theirs = weights(again), weights(whole)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert again.architecture.seen == 12
        last = "checkpoints/step-000012"
        same_files(tmp_path / "whole" / last, tmp_path / f"from-{step}" / last)
        shutil.rmtree(tmp_path / f"from-{step}")


def test_dropout_is_really_on_and_differs_by_step_and_rank(tmp_path: Path) -> None:
    with_it = weights(straight(tmp_path / "a"))
    without = weights(straight(tmp_path / "b", dropout=0.0))
    assert not torch.equal(with_it["inner.weight"], without["inner.weight"])
    from vlcli.runtime.seeds import seed_update

    drawn = []
    for rank, step in ((0, 0), (0, 1), (1, 0)):
        seed_update(7, rank, step)
        drawn.append(torch.rand(4))
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_tied_weights_are_stored_once_and_tied_again(tmp_path: Path) -> None:
    straight(tmp_path)
    stored = load_file(tmp_path / "checkpoints/step-000012/weights.safetensors")
    assert ("embed.weight" in stored) != ("out.weight" in stored)
    again = trainer_for(tmp_path, **RUN)
    again.resume()
    assert again.architecture.embed.weight is again.architecture.out.weight


def test_parts_that_had_no_gradient_keep_their_own_age(tmp_path: Path) -> None:
    model = Classifier()
    before = model.heads["right"].weight.detach().clone()
    trainer = trainer_for(tmp_path, model, Cloud(24, 4), epochs=1)
    trainer.train()
    assert torch.equal(model.heads["right"].weight, before)
    assert model.heads["right"].weight not in trainer.optimizer.state


def test_a_corrupt_newest_checkpoint_is_passed_over(tmp_path: Path) -> None:
    straight(tmp_path)
    broken = tmp_path / "checkpoints/step-000012/optimizer.safetensors"
    data = bytearray(broken.read_bytes())
    data[-3] ^= 1
    broken.write_bytes(data)
    again = trainer_for(tmp_path, **RUN)
    with pytest.raises(CorruptCheckpointError, match=r"optimizer\.safetensors has changed"):
        again.resume(broken.parent)
    again.resume()
    assert again.position.step == 11
    again.train()
    assert Checkpoints(tmp_path / "checkpoints").newest()[0].name == "step-000012"


def test_the_journal_holds_every_step_once_after_resuming(tmp_path: Path) -> None:
    straight(tmp_path, logging=Logging(every=1))
    again = trainer_for(tmp_path, **RUN, logging=Logging(every=1))
    again.resume(tmp_path / "checkpoints/step-000004")
    again.train()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [each["step"] for each in lines if each["kind"] == "train"] == list(range(1, 13))
    assert [each["step"] for each in lines if each["kind"] == "valid"] == [6, 12]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cloud": Cloud(32, 4)}, "has 6 batches per epoch and this run has 8"),
        ({"gradient_accumulation_steps": 2}, "gradient accumulation steps"),
    ],
)
def test_another_run_cannot_take_the_checkpoint(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    straight(tmp_path)
    with pytest.raises(UserError, match=sentence):
        trainer_for(tmp_path, **RUN, **change).resume()


def test_another_architecture_cannot_take_the_checkpoint(tmp_path: Path) -> None:
    class Wider(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.extra = torch.nn.Linear(2, 2)

    straight(tmp_path)
    with pytest.raises(UserError, match=r"is of another model: it lacks 2 weights \(extra.bias"):
        trainer_for(tmp_path, Wider(), **RUN).resume()


def test_parameters_frozen_since_are_named(tmp_path: Path) -> None:
    straight(tmp_path)
    model = Classifier()
    model.inner.requires_grad_(False)
    with pytest.raises(UserError, match=r"was training inner\.\w+, which is frozen"):
        trainer_for(tmp_path, model, **RUN).resume()


def test_a_run_without_checkpoints_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no whole checkpoint"):
        trainer_for(tmp_path).resume()
