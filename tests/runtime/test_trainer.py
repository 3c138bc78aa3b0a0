"""One loop trains, evaluates, stops where it must, and is exact about its averages."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from vlcli.runtime.telling import Logging
from vlcli.spec.problem import UserError

from .tiny import Classifier, Cloud, Points, furthest, spec, trainer_for, weights


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["kind"] == kind]


def test_a_second_architecture_learns_and_evaluates(tmp_path: Path) -> None:
    trainer = trainer_for(tmp_path, epochs=30, logging=Logging(every=10))
    result = trainer.train()
    assert result.best_score is not None
    assert result.best_score > 0.8
    assert result.steps == 30 * 6
    trainer.load_best()
    assert trainer.evaluate()["accuracy"] == result.best_score
    told = records(tmp_path, "train")
    assert [each["step"] for each in told] == list(range(10, 181, 10))
    assert told[-1]["loss"] < told[0]["loss"] / 2
    assert 0 <= told[0]["right"] <= 1
    assert len(records(tmp_path, "valid")) == 30


@pytest.mark.parametrize("averaged", ["example", "token"])
def test_accumulating_two_batches_is_one_double_batch(tmp_path: Path, averaged: Any) -> None:
    torch.manual_seed(0)
    start = Classifier(averaged).state_dict()
    ends = []
    for batch, accumulated in ((8, 1), (4, 2)):
        model = Classifier(averaged)
        model.load_state_dict(start)
        trainer = trainer_for(
            tmp_path / str(batch),
            model,
            Cloud(24, batch),
            epochs=3,
            gradient_accumulation_steps=accumulated,
            clip_grad_norm=1.0,
        )
        assert trainer.train().steps == 9
        ends.append(weights(trainer))
    assert furthest(*ends) < 1e-6
    assert furthest(ends[0], start) > 1e-2


def test_the_last_window_of_an_epoch_may_be_short(tmp_path: Path) -> None:
    trainer = trainer_for(tmp_path, gradient_accumulation_steps=4)
    assert len(trainer.batches) == 6
    assert trainer.train().steps == 4


class Poisoned(Cloud):
    """One point is not a number."""

    def __init__(self) -> None:
        super().__init__(24, 4)
        self.points[13, 2] = float("nan")


def test_a_bad_loss_stops_before_the_update_and_names_the_examples(tmp_path: Path) -> None:
    cloud, model = Poisoned(), Classifier()
    order = torch.randperm(24, generator=torch.Generator().manual_seed(100)).tolist()
    step = order.index(13) // 4 + 1
    trainer = trainer_for(tmp_path, model, cloud, warmup_ratio=0.0)
    with pytest.raises(UserError, match=f"At update {step} the loss .* point-13"):
        trainer.train()
    assert trainer.position.step == step - 1
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


class Cliff(Classifier):
    """A finite loss with an infinite gradient, at every step."""

    def logits(self, batch: Points) -> torch.Tensor:
        return super().logits(batch) + torch.sqrt(self.place_TD[0, 0] * 0)


def test_a_bad_gradient_is_never_applied(tmp_path: Path) -> None:
    model = Cliff()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer = trainer_for(tmp_path, model, warmup_ratio=0.0)
    with pytest.raises(UserError, match=r"update 1 the gradient .*first in place_TD"):
        trainer.train()
    assert furthest(before, model.state_dict()) == 0


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    def step(clip: float) -> float:
        torch.manual_seed(0)
        model = Classifier()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        run = {"optim": "sgd", "lr": 1.0, "warmup_ratio": 0.0, "lr_schedule": "constant"}
        trainer = trainer_for(tmp_path, model, max_steps=1, clip_grad_norm=clip, **run)
        trainer.train()
        moved = [(model.get_parameter(n).detach() - before[n]) for n, _ in model.named_parameters()]
        return float(torch.cat([each.flatten() for each in moved]).norm())

    assert step(0.01) == pytest.approx(0.01, rel=1e-3)
    assert step(-1.0) > 0.1


def test_the_share_of_waiting_for_data_is_told(tmp_path: Path) -> None:
    class Slow(Cloud):
        def epoch(self, number: int, start: int) -> Any:
            for batch in super().epoch(number, start):
                time.sleep(0.05)
                yield batch

    def validate() -> dict[str, float]:
        time.sleep(0.5)  # counts in no rate
        return {"accuracy": 0.0}

    slow = trainer_for(tmp_path / "a", cloud=Slow(24, 4), epochs=1, validate=validate).train()
    assert 0.5 < slow.waited < 1
    told = records(tmp_path / "a", "train")
    assert 50 < told[-1]["data_wait_percent"] < 100
    quick = trainer_for(tmp_path / "b", epochs=1, validate=validate).train()
    assert 0 < quick.waited < 0.5


def test_a_stop_during_the_last_validation_is_heard(tmp_path: Path) -> None:
    def validate() -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return {"accuracy": 0.0}

    result = trainer_for(tmp_path, epochs=2, validate=validate).train()
    assert (result.stopped, result.steps) == (True, 6)
    again = trainer_for(tmp_path, epochs=2)
    again.resume()
    assert again.train().steps == 12


def test_early_stopping_waits_so_many_validations(tmp_path: Path) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.5, 0.3, 0.9])
    trainer = trainer_for(
        tmp_path, epochs=6, early_stopping=3, validate=lambda: {"accuracy": next(scores)}
    )
    result = trainer.train()
    assert (result.best_score, result.best_step, result.steps) == (0.5, 12, 30)
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"last", "best", "step-000012", "step-000030"}


def test_dry_evaluates_before_the_first_step(tmp_path: Path) -> None:
    trainer_for(tmp_path, dry=True, epochs=1).train()
    assert [each["step"] for each in records(tmp_path, "valid")] == [0, 6]


def test_a_stop_signal_leaves_a_checkpoint_to_resume_from(tmp_path: Path) -> None:
    def stop(record: Any) -> None:
        if record["kind"] == "train" and record["step"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    trainer = trainer_for(tmp_path, logging=Logging(every=1, listeners=[stop]))
    result = trainer.train()
    assert result.stopped
    assert result.steps == 4
    assert signal.getsignal(signal.SIGTERM) is before
    again = trainer_for(tmp_path, logging=Logging(every=1))
    again.resume()
    assert again.position.step == 4
    assert not again.train().stopped
    assert [each["step"] for each in records(tmp_path, "train")] == list(range(1, 13))


def test_an_empty_training_set_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training set is empty"):
        trainer_for(tmp_path, cloud=Cloud(2, 4))


def test_a_count_that_forward_does_not_keep_is_a_bug(tmp_path: Path) -> None:
    class Wrong(Classifier):
        def count(self, batch: Points) -> torch.Tensor:
            return torch.tensor(1.0)

        def forward(self, batch: Points) -> Any:
            return super().forward(batch)._replace(count=torch.tensor(4.0))

    with pytest.raises(RuntimeError, match="forward counted 4"):
        trainer_for(tmp_path, Wrong()).train()


def test_bf16_trains_and_keeps_fp32_weights(tmp_path: Path) -> None:
    trainer = trainer_for(tmp_path, precision="bf16", epochs=10)
    first = trainer.evaluate()["accuracy"]
    result = trainer.train()
    assert result.best_score is not None
    assert result.best_score > first
    assert {value.dtype for value in weights(trainer).values()} == {torch.float32}


def test_fp16_on_the_cpu_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match='"fp16" needs a GPU'):
        trainer_for(tmp_path, fp16=True)


def test_frozen_models_are_one_sentence(tmp_path: Path) -> None:
    model = Classifier()
    model.requires_grad_(False)
    with pytest.raises(UserError, match="Nothing of this model trains"):
        trainer_for(tmp_path, model)


@pytest.mark.parametrize("optim", ["adam", "adamax", "rms", "sgd"])
def test_every_optimizer_trains(tmp_path: Path, optim: str) -> None:
    start = weights(trainer_for(tmp_path, optim=optim))
    trainer = trainer_for(tmp_path, optim=optim)
    trainer.train()
    assert furthest(start, weights(trainer)) > 1e-3
    assert spec(optim=optim).weight_decay == 0.01
    assert {group["weight_decay"] for group in trainer.optimizer.param_groups} == {0.0}
