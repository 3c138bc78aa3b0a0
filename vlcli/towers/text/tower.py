"""The one shape of all text encoders: tokens of texts in, one vector a text out.

B texts, T tokens, W width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

Tokens = Mapping[str, Tensor]  # whatever a tower reads, by name; each has B rows


class Tokenize(Protocol):
    """Texts to tokens; small and picklable, for loading processes."""

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]: ...

    def save(self, folder: Path) -> None:
        """Write what the tower of a run needs to read texts again."""
        ...


class TextTower(nn.Module):
    """An encoder by name; `width` is W, `scale` and `bias` what its weights bring for similarities
    (a logarithm, a number), where they do."""

    name = ""
    width = 0
    scale: float | None = None
    bias: float | None = None

    def forward(self, tokens: Tokens) -> Tensor:
        """(B, W)."""
        raise NotImplementedError
