"""The parts of a model that can be had again by name, and need not be in every checkpoint.

A frozen weight that a pretrained backbone or image tower gave is left out; of one whose vocabulary
has grown, the new rows are kept. What is left out is told by name, revision and digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vlcli.contracts import Architecture, Source
from vlcli.spec.problem import UserError

SOURCES = "sources.json"
ROWS = "#rows-from-"  # behind a weight's name: what is kept are its rows from that number on


class Left(NamedTuple):
    """What a checkpoint leaves out of one source, as its sources.json says it: so many `weights`,
    with the digest of their bytes."""

    name: str
    revision: str | None
    sha256: str
    weights: int


def write_left(left: Sequence[Left], folder: Path) -> None:
    text = json.dumps([each._asdict() for each in left], indent=1)
    (folder / SOURCES).write_text(f"{text}\n", encoding="utf-8")


def read_left(folder: Path) -> tuple[Left, ...]:
    """What the checkpoint in a folder left out; nothing of a whole one."""
    path = folder / SOURCES
    if not path.is_file():
        return ()
    return tuple(Left(**each) for each in json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Given:
    """The weights of a model that its sources give: by first name, the rows that are given, and
    the other names of the same tensors."""

    by_source: tuple[tuple[Source, Mapping[str, int]], ...]
    others: frozenset[str]

    @staticmethod
    def by(sources: Iterable[Source], model: nn.Module, trained: bool) -> Given:
        """Those of a model just made from its sources, with or without what training changes."""
        names: dict[int, list[str]] = {}
        values: dict[int, Tensor] = {}
        for name, value in model.state_dict(keep_vars=True).items():
            names.setdefault(id(value), []).append(name)
            values[id(value)] = value
        found, others = [], set[str]()
        for source in sources:
            rows: dict[str, int] = {}
            for tensor, called in names.items():
                changes = values[tensor].requires_grad or not source.drifting.isdisjoint(called)
                known = [source.rows[name] for name in called if name in source.rows]
                if known and (trained or not changes):
                    rows[called[0]] = known[0]
                    others.update(called[1:])
            found.append((source, rows))
        return Given(tuple(found), frozenset(others))

    @property
    def rows(self) -> dict[str, int]:
        """The given rows of all sources."""
        return {name: many for _, rows in self.by_source for name, many in rows.items()}

    def note(self, weights: Mapping[str, Tensor]) -> tuple[Left, ...]:
        """What a state dict is without, when all of this is left out of it."""
        return tuple(
            Left(source.name, source.revision, digest(weights, rows), len(rows))
            for source, rows in self.by_source
            if rows
        )


def digest(weights: Mapping[str, Tensor], rows: Mapping[str, int]) -> str:
    """sha256 of the given rows of some of these weights."""
    found = hashlib.sha256()
    for name, many in sorted(rows.items()):
        value = weights[name].detach()[:many].cpu().contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def kept(weights: Mapping[str, Tensor], given: Given) -> dict[str, Tensor]:
    """A state dict without what its sources give again."""
    held, given_rows = {}, given.rows
    for name, value in weights.items():
        if name in given_rows:
            if len(value) > (rows := given_rows[name]):
                held[f"{name}{ROWS}{rows}"] = value[rows:]
        elif name not in given.others:
            held[name] = value
    return held


def joined(
    held: Mapping[str, Tensor], left: Sequence[Left], model: Architecture, at: Path
) -> dict[str, Tensor]:
    """A whole state dict: what a checkpoint kept, and the rest as a model has it that was made from
    the same sources. UserError where it was made from others."""
    if not left:
        return dict(held)
    given = Given.by(model.sources, model, trained=True)
    own = model.state_dict()
    whole = {name: value for name, value in held.items() if ROWS not in name}
    for part in left:
        rows = next((rows for source, rows in given.by_source if source.name == part.name), {})
        out = {name: many for name, many in rows.items() if name not in held}
        if digest(own, out) != part.sha256:
            revision = f" (revision {part.revision})" if part.revision else ""
            raise UserError(
                f"The checkpoint {at} holds what was trained beside {part.name}{revision}, and "
                "this model has other weights in its place. Use the spec it was made with, and the "
                "same pretrained weights."
            )
        whole |= {name: own[name] for name in out}
    for name, value in held.items():
        if ROWS in name:
            plain, count = name.split(ROWS)
            whole[plain] = torch.cat([own[plain][: int(count)], value.to(own[plain])])
    return whole
