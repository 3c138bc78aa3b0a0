"""From pictures to visual features during a run: the image tower inside the model.

B batch, P pictures of an example, M regions of a picture, N visual tokens of a picture, F feature
width, r, c rows and columns of the tower's grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from vlcli.contracts import Lasting, Source, decay_groups
from vlcli.data.visual import coverage, grid_boxes
from vlcli.peft.freezing import Tuned
from vlcli.spec.groups.visual_encoder import VisualEncoderArgs
from vlcli.towers.stages import last_stage
from vlcli.towers.tower import Pool, Tower
from vlcli.towers.trunk import Trunk, has_batch_norms, trunk

from .visual_embedding import VisualTokens

KEPT = 3  # axes of what a frozen trunk made of pictures


class VisEncoder(nn.Module):
    """Fills the features of `VisualTokens` from their pixels, by a tower.

    Nothing of a frozen tower is differentiated, and its frozen parts behave as in evaluation; batch
    norms alone follow the statistics of what they see while training, unless these are to be kept.
    Where a picture has no regions to look at, the cells of its grid have their own boxes, or
    (`placed` false) boxes of zeros. `source` is where its weights can be had again.
    """

    def __init__(self, tower: Tower, pool: Pool, keep_statistics: bool, placed: bool) -> None:
        super().__init__()
        self.model = tower
        self.pool = pool
        self.keep_statistics = keep_statistics
        self.placed = placed
        self.rates: VisualEncoderArgs | None = None
        self.source: Source | None = None
        self.remarks: tuple[str, ...] = ()
        self.trunk: Trunk | None = None
        self.rows, self.columns, self.width = tower.shape(pool)
        tower.settle(pool)

    @property
    def last_stage(self) -> str:
        """The name of the tower's last stage; "" where it has none that is known."""
        found = last_stage(self.model.visual)
        return f"model.visual.{found}" if found else ""

    @property
    def learns(self) -> bool:
        return any(parameter.requires_grad for parameter in self.parameters())

    def lasting(self) -> Lasting | str:
        """The features of a frozen tower; of one that learns in part, what enters the first stage
        that does, from which it then goes on."""
        was = self.training
        self.train(False)
        self.trunk = trunk(self.model, self.pool) if self.learns else None
        self.train(was)
        if self.learns and self.trunk is None:
            return "the image tower trains from its beginning"
        if not self.keep_statistics and has_batch_norms(
            self.trunk.modules() if self.trunk else self.modules()
        ):
            return "the batch norms of the image tower follow what they see"
        if self.trunk is not None:
            held = self.trunk
            return Lasting(held.facts(), held.places, held.width, None, held.held)
        facts = {**self.model.facts(), "pool": self.pool}
        grid = (self.rows, self.columns)
        return Lasting(facts, self.rows * self.columns, self.width, grid, self._cells)

    def _cells(self, pictures: Tensor) -> Tensor:
        return self.grids(pictures[:, None])[:, 0]

    def param_groups(self) -> list[dict[str, Any]]:
        """The optimizer's groups of a tower that has rates of its own."""
        assert self.rates is not None
        own = {"lr": self.rates.vis_lr, "sgd": not self.rates.use_adam_for_visual}
        return decay_groups(self.named_parameters(), self.rates.vis_weight_decay, **own)

    def train(self, mode: bool = True) -> VisEncoder:
        super().train(False)
        self.training = mode
        if mode:
            _train_what_learns(self)
            for module in self.own_modules():
                if isinstance(module, _BatchNorm):
                    module.train(not self.keep_statistics)
        return self

    def own_modules(self) -> Iterator[nn.Module]:
        """All modules but those of visual adapters."""
        tuned = {id(m) for t in self.modules() if isinstance(t, Tuned) for m in t.modules()}
        return (module for module in self.modules() if id(module) not in tuned)

    def forward(self, visual: VisualTokens) -> VisualTokens:
        assert visual.pixels is not None
        cells = grid_boxes(self.rows, self.columns).to(visual.pixels.device)
        features = self.grids(visual.pixels, visual.shown)  # (B, P, N, F)
        boxes, mask, whole = _looked_at(visual, cells)
        P, many = boxes.shape[1:3]
        if not whole.all():
            shares = coverage(boxes.flatten(0, 2), cells).unflatten(0, boxes.shape[:3])
            features = shares.to(features.dtype) @ features
        if not self.placed:
            boxes = boxes.masked_fill(whole[..., None, None], 0)
        device = boxes.device
        return VisualTokens(
            features.flatten(1, 2),
            boxes.flatten(1, 2),
            None if mask.all() else mask.flatten(1, 2),
            None if P == 1 else torch.arange(P, device=device).repeat_interleave(many)[None],
            None if P == 1 else torch.arange(many, device=device).repeat(P)[None],
        )

    def grids(self, pixels: Tensor, shown: Tensor | None = None) -> Tensor:
        """(B, P, N, F) of pixels (B, P, H, W, 3), or of what is kept of them (B, P, T, C); 0 for
        pictures that are not there."""
        B, P = pixels.shape[:2]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learns):
            if shown is None or bool(shown.all()):
                return self._seen(pixels.flatten(0, 1)).flatten(1, 2).reshape(B, P, -1, self.width)
            found = self._seen(pixels[shown])
            spread = found.new_zeros(B, P, *found.shape[1:])
            spread[shown] = found
            return spread.flatten(2, 3)

    def _seen(self, pictures: Tensor) -> Tensor:
        """(B, r, c, F) of pictures (B, H, W, 3), or of what is kept of them (B, T, C)."""
        if self.trunk is not None and pictures.ndim == KEPT:
            return self.trunk.rest(pictures)
        found: Tensor = self.model(pictures, self.pool)
        return found


def _looked_at(visual: VisualTokens, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes (B, P, M, 4) to look at, which of them are there (B, P, M), and for which pictures
    (B, P) that is the whole grid with its `cells` (N, 4), because no region is named."""
    assert visual.pixels is not None
    B, P = visual.pixels.shape[:2]
    boxes = (
        visual.boxes.unflatten(1, (P, -1)) if visual.boxes.shape[1] else cells.new_zeros(B, P, 0, 4)
    )
    mask = boxes.new_ones(boxes.shape[:3], dtype=torch.bool)
    if visual.mask is not None:
        mask = visual.mask.view(mask.shape)
    whole = ~mask.any(-1)
    if whole.any():
        lacking = max(0, len(cells) - boxes.shape[2])
        boxes = functional.pad(boxes, (0, 0, 0, lacking))
        mask = functional.pad(mask, (0, lacking))
        boxes[..., : len(cells), :] = torch.where(
            whole[..., None, None], cells, boxes[..., : len(cells), :]
        )
        mask[..., : len(cells)] |= whole[..., None]
    if visual.shown is not None:
        mask = mask & visual.shown[..., None]
    return boxes, mask, whole


def _train_what_learns(module: nn.Module) -> None:
    """Training mode for the parts that learn, with what belongs to them (their dropout); frozen
    parts stay as in evaluation."""
    own = list(module.parameters())
    if own and not any(parameter.requires_grad for parameter in own):
        return
    module.training = True
    for child in module.children():
        _train_what_learns(child)
