"""The part of a model that can be had again by name, and need not be in every checkpoint.

A frozen weight that a pretrained backbone gave is left out; of one whose vocabulary has grown, the
new rows are kept. What is left out is told by name, revision and digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vlcli.contracts import Architecture, Source
from vlcli.spec.problem import UserError

BACKBONE = "backbone.json"
ROWS = "#rows-from-"  # behind a weight's name: what is kept are its rows from that number on


@dataclass(frozen=True)
class Left:
    """What a checkpoint leaves out, as its backbone.json says it: so many `weights`, with the
    digest of their bytes."""

    name: str
    revision: str | None
    sha256: str
    weights: int

    def write(self, folder: Path) -> None:
        (folder / BACKBONE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Left | None:
        """What the checkpoint in a folder left out; None for a whole one."""
        path = folder / BACKBONE
        if not path.is_file():
            return None
        return Left(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Given:
    """The weights of a model that its source gives: by first name, the rows that are given, and
    the other names of the same tensors."""

    source: Source | None
    rows: Mapping[str, int]
    others: frozenset[str]

    @staticmethod
    def by(source: Source | None, model: nn.Module, trained: bool) -> Given:
        """Those of a model just made from its source, with or without the `trained` ones."""
        names: dict[int, list[str]] = {}
        skipped = set()
        for name, value in model.state_dict(keep_vars=True).items() if source else ():
            names.setdefault(id(value), []).append(name)
            if value.requires_grad and not trained:
                skipped.add(id(value))
        rows, others = {}, set[str]()
        for tensor, called in names.items():
            known = [source.rows[name] for name in called if source and name in source.rows]
            if known and tensor not in skipped:
                rows[called[0]] = known[0]
                others.update(called[1:])
        return Given(source, rows, frozenset(others))

    def note(self, weights: Mapping[str, Tensor]) -> Left:
        """What a state dict is without, when all of this is left out of it."""
        assert self.source is not None
        digest = self.digest(weights, set(self.rows))
        return Left(self.source.name, self.source.revision, digest, len(self.rows))

    def digest(self, weights: Mapping[str, Tensor], names: set[str]) -> str:
        """sha256 of the given rows of some of these weights."""
        found = hashlib.sha256()
        for name in sorted(names):
            value = weights[name].detach()[: self.rows[name]].cpu().contiguous()
            found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            found.update(value.reshape(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()


def kept(weights: Mapping[str, Tensor], given: Given) -> dict[str, Tensor]:
    """A state dict without what its source gives again."""
    held = {}
    for name, value in weights.items():
        if name in given.rows:
            if len(value) > (rows := given.rows[name]):
                held[f"{name}{ROWS}{rows}"] = value[rows:]
        elif name not in given.others:
            held[name] = value
    return held


def joined(
    held: Mapping[str, Tensor], left: Left | None, model: Architecture, at: Path
) -> dict[str, Tensor]:
    """A whole state dict: what a checkpoint kept, and the rest as a model has it that was made from
    the same source. UserError where it was made from another."""
    if left is None:
        return dict(held)
    given = Given.by(model.source, model, trained=True)
    own = model.state_dict()
    out = set(given.rows) - set(held)
    if model.source is None or given.digest(own, out) != left.sha256:
        revision = f" (revision {left.revision})" if left.revision else ""
        raise UserError(
            f"The checkpoint {at} holds what was trained beside {left.name}{revision}, and this "
            "model has other weights in its place. Use the spec it was made with, and the same "
            "backbone."
        )
    whole = {name: value for name, value in held.items() if ROWS not in name}
    whole |= {name: own[name] for name in out}
    for name, value in held.items():
        if ROWS in name:
            plain, rows = name.split(ROWS)
            whole[plain] = torch.cat([own[plain][: int(rows)], value.to(own[plain])])
    return whole
