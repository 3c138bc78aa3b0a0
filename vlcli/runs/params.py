"""What of a model trains: parameters by part, and the memory they take."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.contracts import Architecture, Part
from vlcli.runs.parts import building_of, read_answers, tokenizer_at_hand
from vlcli.runtime.optimizer import kept_for
from vlcli.spec.methods import METHODS


class Row(NamedTuple):
    """The parameters of one part; a tensor that several parts share counts once."""

    part: Part
    trainable: int
    total: int


class Memory(NamedTuple):
    """Bytes on one device, without activations."""

    weights: int
    gradients: int
    optimizer: int


class Count(NamedTuple):
    rows: tuple[Row, ...]
    memory: Memory
    remarks: tuple[str, ...] = ()

    @property
    def trainable(self) -> int:
        return sum(row.trainable for row in self.rows)

    @property
    def total(self) -> int:
        return sum(row.total for row in self.rows)

    def percent(self, trainable: int | None = None) -> float:
        """What trains (or so many parameters) of all."""
        return 100 * (self.trainable if trainable is None else trainable) / self.total

    @property
    def line(self) -> str:
        return f"{self.trainable:,} of {self.total:,} parameters train ({self.percent():.3f} %)."

    def as_json(self) -> dict[str, Any]:
        return {
            "trainable": self.trainable,
            "total": self.total,
            "percent": round(self.percent(), 3),
            "parts": [
                {
                    "name": row.part.name,
                    "task": row.part.task,
                    "trainable": row.trainable,
                    "total": row.total,
                    "percent": round(self.percent(row.trainable), 3),
                }
                for row in self.rows
            ],
            "memory": self.memory._asdict(),
            "remarks": list(self.remarks),
        }


def outlined(spec: Any) -> Count:
    """Count the model of a spec on the meta device: no weights and no data are read."""
    building = building_of(spec)
    listed = spec.answer_list
    answers = read_answers(Path(listed)) if listed not in (None, "train") else None
    model, remarks = building.outline(spec, tokenizer_at_hand(spec, building), answers)
    building.freeze(model, spec)
    return count(model, spec.optim, remarks)


def count(model: Architecture, optim: str, remarks: tuple[str, ...] = ()) -> Count:
    """Count a model as it stands, frozen or not."""
    parts = model.parts()
    trainable: dict[Part, int] = defaultdict(int)
    total: dict[Part, int] = defaultdict(int)
    weights = gradients = 0
    for name, parameter in model.named_parameters():
        size, part = parameter.numel(), parts[name]
        total[part] += size
        weights += size * parameter.element_size()
        if parameter.requires_grad:
            trainable[part] += size
            gradients += size * parameter.element_size()
    rows = tuple(Row(part, trainable[part], total[part]) for part in sorted(total, key=_order))
    optimizer = kept_for(model.param_groups(0.0), optim)
    return Count(rows, Memory(weights, gradients, optimizer), remarks)


def _order(part: Part) -> tuple[int, bool]:
    """The model's own parts, then its methods, each with what tasks share before what they own."""
    methods = [*METHODS]
    return methods.index(part.name) if part.name in methods else -1, part.task is not None
