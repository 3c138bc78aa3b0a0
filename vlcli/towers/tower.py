"""The one shape of all image encoders: bytes of pictures in, a grid or a pooled feature out.

B pictures, S side in pixels, r, c rows and columns of the grid, F feature width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from vlcli.spec.problem import UserError

from .state import digest, load_whole

Pool = Literal["grid", "pooled"]
POOLS: tuple[Pool, ...] = ("grid", "pooled")
USAGE = 2
UNSEEN = (RuntimeError, ValueError, AssertionError)  # what libraries say of wrong sizes


class Look(NamedTuple):
    """How an encoder wants pictures: whole, stretched to `size` x `size` pixels by `interpolation`
    (a name of PIL's), bytes / 255 less `mean` by channel, divided by `std`."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"


class Tower(nn.Module):
    """An encoder by name, around the library's own module `visual`. A library's file says how its
    models give a grid (B, F, r, c) and a pooled feature (B, F), and what belongs to neither."""

    def __init__(self, name: str, visual: nn.Module, look: Look) -> None:
        super().__init__()
        self.name = name
        self.visual = visual.eval()
        self.look = look
        self.code = USAGE  # exit code of what it cannot see

    # What a library's file says.

    def grid(self, pixels: Tensor) -> Tensor:
        raise NotImplementedError

    def pooled(self, pixels: Tensor) -> Tensor:
        raise NotImplementedError

    def resize(self, size: int) -> None:
        """Take pictures of another size; what has positional embeddings resizes them."""
        self.look = self.look._replace(size=size)

    def settle(self, pool: Pool) -> None:
        """Let go of the parts that features of this kind do not pass through."""

    # What all of them share.

    def forward(self, pictures: Tensor, pool: Pool) -> Tensor:
        """(B, r, c, F) of pictures (B, S, S, 3) in bytes; pooled ones have r = c = 1."""
        seen = self.pixels(pictures)
        if pool == "pooled":
            return self.pooled(seen)[:, None, None]
        return self.grid(seen).permute(0, 2, 3, 1)

    @torch.inference_mode()
    def features(self, pictures: Tensor, pool: Pool) -> Tensor:
        """The same for those who never differentiate."""
        found: Tensor = self(pictures, pool)
        return found

    def pixels(self, pictures: Tensor) -> Tensor:
        """Bytes (B, S, S, 3) as the encoder reads them: (B, 3, S, S) float32."""
        mean, std = (torch.tensor(each).to(pictures.device) for each in self.look[1:3])
        # channels last in memory, as they come: convolutions are faster so
        held = pictures.to(torch.float32, copy=True)
        return held.div_(255).sub_(mean).div_(std).permute(0, 3, 1, 2)

    def shape(self, pool: Pool) -> tuple[int, int, int]:
        """r, c, F. UserError where the encoder cannot see pictures of its size."""
        side = self.look.size
        device = next(self.parameters()).device
        try:
            with torch.no_grad():
                found = self(torch.zeros(1, side, side, 3, device=device), pool)
        except UNSEEN as error:
            raise self.unseen(side, error) from error
        return found.shape[1], found.shape[2], found.shape[3]

    def unseen(self, side: int, error: Exception) -> UserError:
        """That pictures of this size cannot be seen."""
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        return UserError(
            f"{self.name} cannot see pictures of {side} x {side} pixels: {why}. Name another size.",
            self.code,
        )

    def load(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Put a whole state dict in; UserError where names or shapes do not fit."""
        load_whole(self.visual, weights, source, self.name)

    def digest(self, counts: Callable[[str], bool] = lambda name: True) -> str:
        """sha256 over the weights whose name counts, with their names."""
        return digest(self.visual, counts)

    def facts(self, counts: Callable[[str], bool] = lambda name: True) -> dict[str, Any]:
        """What features depend on, as JSON values; of the weights those whose name counts."""
        look = {
            key: list(v) if isinstance(v, tuple) else v for key, v in self.look._asdict().items()
        }
        return {"encoder": self.name, **look, "weights_sha256": self.digest(counts)}


def tokens_to_grid(tokens: Tensor, rows: int, columns: int) -> Tensor:
    """(B, r c, F) as (B, F, r, c)."""
    return tokens.transpose(1, 2).unflatten(2, (rows, columns))
