"""Examples to a batch of pictures and texts; a row may lack either.

B examples, P of them with a picture, Q with a text, H, W picture size, F feature width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlcli.contracts import Example, Visual, text_key
from vlcli.data.store import FeatureStore
from vlcli.spec.problem import UserError
from vlcli.towers.text.tower import Tokenize

KEPT = "kept"  # among tokens: vectors (Q, W) of a frozen tower in their place


@dataclass(slots=True)
class DualBatch:
    """`seen` and `read` are the rows with a picture (P) and with a text (Q). `pixels` (P, H, W, 3)
    are bytes, else `features` (P, F) are stored ones; `tokens` have Q rows. `labels` (B) number
    classes, -1 where there is none; `vector` says which ones are asked for, as `Example` does."""

    ids: tuple[str, ...]
    seen: Tensor
    read: Tensor
    pixels: Tensor | None
    features: Tensor | None
    tokens: dict[str, Tensor]
    labels: Tensor | None
    vector: str = "unit"

    def to(self, device: Any) -> DualBatch:
        moved = {each.name: _moved(getattr(self, each.name), device) for each in fields(self)}
        return replace(self, **moved)


def _moved(value: Any, device: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: _moved(each, device) for name, each in value.items()}
    return value


class Collator:
    """Makes a batch; small and picklable, without the model. A training example's text is its
    `target`; `classes` number labels, and are empty where no loss reads them. With `taught` the
    tokens of another model stand beside the others under that name. `kept` is a store of what the
    text tower makes of texts."""

    def __init__(
        self,
        tokenize: Tokenize,
        classes: Sequence[str] = (),
        taught: Tokenize | None = None,
        kept: Path | None = None,
    ) -> None:
        self.tokenize, self.taught = tokenize, taught
        self.kept = None if kept is None else FeatureStore(kept)
        self.classes = {name: number for number, name in enumerate(classes)}

    def __call__(self, examples: Sequence[Example]) -> DualBatch:
        seen = [row for row, each in enumerate(examples) if each.visuals]
        texts = [each.target if each.target is not None else each.text for each in examples]
        read = [row for row, text in enumerate(texts) if text]
        visuals = [_only(examples[row]) for row in seen]
        raw = bool(visuals) and visuals[0].pixels is not None
        return DualBatch(
            ids=tuple(each.id for each in examples),
            seen=torch.tensor(seen, dtype=torch.long),
            read=torch.tensor(read, dtype=torch.long),
            pixels=torch.stack([v.pixels for v in visuals if v.pixels is not None])
            if raw
            else None,
            features=torch.stack([_pooled(v) for v in visuals]) if visuals and not raw else None,
            tokens=self._tokens([texts[row] for row in read]) if read else {},
            labels=self._labels(examples) if self.classes else None,
            vector=examples[0].vector,
        )

    def _tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        found = self._kept(texts) or self.tokenize(texts)
        return found if self.taught is None else {**found, "taught": self.taught(texts)["ids"]}

    def _kept(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """The vectors of texts in place of tokens; {} where one of them has none."""
        if self.kept is None:
            return {}
        keys = [text_key(text) for text in texts]
        if not all(key in self.kept for key in keys):
            return {}
        return {KEPT: torch.cat([self.kept.tensor(key) for key in keys])}

    def _labels(self, examples: Sequence[Example]) -> Tensor:
        named = [next(iter(each.labels), "") for each in examples]
        return torch.tensor([self.classes.get(name, -1) for name in named])


def _only(example: Example) -> Visual:
    if len(example.visuals) > 1:
        raise UserError(
            f'"{example.id}" has {len(example.visuals)} pictures, and a text is aligned with one.',
            exit_code=3,
        )
    return example.visuals[0]


def _pooled(visual: Visual) -> Tensor:
    """Stored features (N, F) as one (F): their mean where a store holds a grid."""
    return visual.features.float().mean(0)
