"""A second architecture, its synthetic data, and one way to put a trainer together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.contracts import Architecture, Losses, Prediction
from vlcli.runtime.engine import Engine
from vlcli.runtime.seeds import seed_everything
from vlcli.runtime.trainer import Logging, Saving, Trainer

WIDTH, CLASSES, TOKENS = 6, 5, 4


class Points(NamedTuple):
    """B points, each with 1 to T labels: a batch. `head` names the part that a batch uses alone."""

    ids: tuple[str, ...]
    points_BF: Tensor
    labels_BT: Tensor
    head: str

    def to(self, device: Any) -> Points:
        return self._replace(
            points_BF=self.points_BF.to(device), labels_BT=self.labels_BT.to(device)
        )


class Classifier(Architecture):
    """Softmax over classes at T positions, with dropout, tied weights and two heads."""

    def __init__(self, averaged: Literal["example", "token"] = "example", dropout: float = 0.0):
        super().__init__()
        self.averaged = averaged
        self.inner = nn.Linear(WIDTH, 16)
        self.dropout = nn.Dropout(dropout)
        self.embed = nn.Embedding(CLASSES, 16)
        self.out = nn.Linear(16, CLASSES, bias=False)
        self.out.weight = self.embed.weight
        self.heads = nn.ModuleDict({name: nn.Linear(16, 16) for name in ("left", "right")})
        self.place_TD = nn.Parameter(0.1 * torch.randn(TOKENS, 16))
        self.seen = 0

    def logits(self, batch: Points) -> Tensor:
        inner_BD = self.dropout(torch.tanh(self.inner(batch.points_BF)))
        head_BD = inner_BD + self.heads[batch.head](inner_BD)
        return self.out(head_BD[:, None] + self.place_TD)

    def forward(self, batch: Points) -> Losses:
        logits_BTC = self.logits(batch)
        loss_BT = cross_entropy(logits_BTC.mT, batch.labels_BT, reduction="none")
        said_BT = batch.labels_BT >= 0
        if self.averaged == "token":
            total = loss_BT.sum()
        else:
            total = (loss_BT.sum(1) / said_BT.sum(1)).sum()
        right_BT = (logits_BTC.argmax(-1) == batch.labels_BT).float() * said_BT
        right = (right_BT.sum(1) / said_BT.sum(1)).sum()
        return Losses(total, self.count(batch).to(total.device), {"right": right})

    def count(self, batch: Points) -> Tensor:
        if self.averaged == "token":
            return (batch.labels_BT >= 0).sum().float()
        return torch.tensor(float(len(batch.ids)))

    def predict(self, batch: Points) -> list[Prediction]:
        best = self.logits(batch)[:, 0].argmax(-1).tolist()
        return [Prediction(id, str(each)) for id, each in zip(batch.ids, best, strict=True)]

    def after_step(self) -> None:
        self.seen += 1

    def extra_state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_extra_state(self, state: Any) -> None:
        self.seen = state["seen"]


class Cloud:
    """`size` points in a new order each epoch; each process takes its share of every batch."""

    def __init__(self, size: int, batch: int, rank: int = 0, world: int = 1, heads: bool = False):
        draw = torch.Generator().manual_seed(1)
        self.points = torch.randn(size, WIDTH, generator=draw)
        plane = torch.randn(WIDTH, CLASSES, generator=draw)
        first = (self.points @ plane).argmax(-1)
        self.labels = (first[:, None] + torch.arange(TOKENS)) % CLASSES
        said = torch.randint(1, TOKENS + 1, (size,), generator=draw)
        self.labels[torch.arange(TOKENS) >= said[:, None]] = -100
        self.size, self.batch, self.rank, self.world, self.heads = size, batch, rank, world, heads

    def __len__(self) -> int:
        return self.size // (self.batch * self.world)

    def epoch(self, number: int, start: int) -> Iterator[Points]:
        order = torch.randperm(self.size, generator=torch.Generator().manual_seed(100 + number))
        for each in range(start, len(self)):
            first = (each * self.world + self.rank) * self.batch
            right = self.heads and (each * self.world + self.rank) % 2
            yield self.take(order[first : first + self.batch], "right" if right else "left")

    def take(self, rows: Tensor, head: str = "left") -> Points:
        ids = tuple(f"point-{row}" for row in rows.tolist())
        return Points(ids, self.points[rows], self.labels[rows], head)

    def accuracy(self, model: Classifier) -> Callable[[], dict[str, float]]:
        """A `validate` over all points."""

        def validate() -> dict[str, float]:
            torch.rand(7)  # validation may draw random numbers
            answers = model.predict(self.take(torch.arange(self.size)))
            right = [
                int(a.text) == y for a, y in zip(answers, self.labels[:, 0].tolist(), strict=True)
            ]
            return {"accuracy": sum(right) / len(right)}

        return validate


def spec(**values: Any) -> VLSpec:
    """The argument groups of a run of this file's size."""
    small = {"device": "cpu", "batch_size": 4, "epochs": 2, "lr": 0.02, "dropout": 0.0}
    return VLSpec(use_vision=False, **{**small, **values})


def trainer_for(
    folder: Path,
    model: Classifier | None = None,
    cloud: Cloud | None = None,
    *,
    save_every: int = 0,
    keep: int = 1,
    logging: Logging | None = None,
    validate: Any = None,
    max_steps: int | None = None,
    **values: Any,
) -> Trainer:
    """A trainer as `runs` would build it: seeds, engine, model, batches."""
    args = spec(**values)
    seed_everything(args.seed)
    engine = Engine(args, args)
    model = model or Classifier(dropout=args.dropout)
    if cloud is None:
        cloud = Cloud(24, args.batch_size, engine.rank, engine.world)
    return Trainer(
        model,
        cloud,
        engine,
        args,
        folder=folder,
        seed=args.seed,
        validate=validate or cloud.accuracy(model),
        best="accuracy",
        max_steps=max_steps,
        logging=logging or Logging(),
        saving=Saving(save_every, keep),
    )


def weights(trainer: Trainer) -> dict[str, Tensor]:
    """A copy of the trained weights."""
    return {name: value.clone() for name, value in trainer.architecture.state_dict().items()}


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference between two state dicts."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)
