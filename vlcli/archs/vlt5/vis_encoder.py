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

from vlcli.contracts import Source
from vlcli.data.visual import coverage, grid_boxes
from vlcli.peft.freezing import Tuned
from vlcli.peft.visual import attach, is_convolutional
from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED, RANDOM, RAW, encoder_of
from vlcli.spec.problem import UserError
from vlcli.towers.build import SPEC, build, outline
from vlcli.towers.stages import last_stage
from vlcli.towers.tower import Pool, Tower

from .spec import VLSpec
from .visual_embedding import VisualTokens


class VisEncoder(nn.Module):
    """Fills the features of `VisualTokens` from their pixels, by a tower.

    Nothing of a frozen tower is differentiated, and its frozen parts behave as in evaluation; batch
    norms alone follow the statistics of what they see while training, unless these are to be kept.
    Where a picture has no regions to look at, the cells of its grid have their own boxes, or
    (`placed` false) boxes of zeros.
    """

    def __init__(self, tower: Tower, pool: Pool, keep_statistics: bool, placed: bool) -> None:
        super().__init__()
        self.model = tower
        self.pool = pool
        self.keep_statistics = keep_statistics
        self.placed = placed
        self.source: Source | None = None
        self.remarks: tuple[str, ...] = ()
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

    def facts(self) -> dict[str, Any]:
        """What features depend on, as JSON values."""
        return {**self.model.facts(), "pool": self.pool}

    def unsteady(self) -> str:
        """Why the features of a picture may change while training; "" where they do not."""
        if self.learns:
            return "the image tower trains"
        if not self.keep_statistics and any(isinstance(m, _BatchNorm) for m in self.modules()):
            return "the batch norms of the image tower follow what they see"
        return ""

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
        """(B, P, N, F) of pixels (B, P, H, W, 3); 0 for pictures that are not there."""
        B, P = pixels.shape[:2]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.learns):
            if shown is None or bool(shown.all()):
                whole: Tensor = self.model(pixels.flatten(0, 1), self.pool)
                return whole.flatten(1, 2).reshape(B, P, -1, self.width)
            found: Tensor = self.model(pixels[shown], self.pool)
            spread = found.new_zeros(B, P, *found.shape[1:])
            spread[shown] = found
            return spread.flatten(2, 3)


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


def tower_source(spec: VLSpec) -> str:
    """What the weights of a spec's image tower are called, where a name gives them again; ""
    otherwise."""
    encoder = encoder_of(spec.feature_type) if spec.use_vision else None
    if encoder is None or spec.vis_weights == RANDOM:
        return ""
    return encoder if spec.vis_weights == PRETRAINED else f"{encoder} of {spec.vis_weights}"


def vis_encoder(spec: VLSpec, bare: bool = False) -> VisEncoder | None:
    """The image tower that a spec asks for; None for features that come from elsewhere. `bare`
    makes an outline of it. UserError where it, or its weights, cannot be had."""
    name = encoder_of(spec.feature_type) if spec.use_vision else None
    if name is None:
        return None
    size, pool = spec.image_size[0], _pool(spec)
    if bare:
        tower = outline(name, size, SPEC)
    else:
        tower = build(name, spec.vis_weights, size, read_file, SPEC)
    built = VisEncoder(
        tower, pool, spec.freeze_bn_statistics, placed=spec.feature_type.startswith(RAW)
    )
    if spec.unfreeze_vis_last_layer and not built.last_stage:
        raise UserError(
            f"{name} has no last stage that is known, so unfreeze_vis_last_layer cannot train it. "
            "Set unfreeze_vis_encoder: true in its place.",
            exit_code=3,
        )
    if spec.legacy_attnpool_positions and (table := _attention_positions(tower)) is not None:
        table.data.zero_()
    if source := tower_source(spec):
        weights = {f"vis_encoder.{name}": v for name, v in built.state_dict().items() if v.dim()}
        rows = {name: len(value) for name, value in weights.items()}
        trainable = {f"vis_encoder.{name}" for name, _ in built.named_parameters()}
        drifting = set() if spec.freeze_bn_statistics else rows.keys() - trainable
        built.source = Source(source, None, rows, frozenset(drifting))
    if spec.use_vis_adapter and not attach(tower.visual, spec):
        raise UserError(
            f"{name} has no blocks with places for visual adapters, which stand in the bottlenecks "
            "of a ResNet (three convolutions) and in transformers. Remove use_vis_adapter, or "
            "choose another tower.",
            exit_code=3,
        )
    built.remarks = tuple(_remarks(built, spec))
    return built


def _pool(spec: VLSpec) -> Pool:
    return "pooled" if spec.vis_pooling_output else "grid"


def _attention_positions(tower: Tower) -> nn.Parameter | None:
    """The positional embedding of a CLIP ResNet's attention pool."""
    pool = getattr(tower.visual, "attnpool", None)
    return getattr(pool, "positional_embedding", None)


def _remarks(built: VisEncoder, spec: VLSpec) -> Iterator[str]:
    """What a spec's keys mean for a tower of which nothing was known before it was built."""
    name = built.model.name
    norms = any(isinstance(module, _BatchNorm) for module in built.own_modules())
    for key in ("freeze_bn_statistics", "unfreeze_batch_norms"):
        if getattr(spec, key) and not norms:
            yield f"{key} has no effect: {name} has no batch norms."
    if spec.legacy_attnpool_positions and _attention_positions(built.model) is None:
        yield f"legacy_attnpool_positions has no effect: {name} has no attention pool."
    if spec.remove_bn_vis_adapter and not any(map(is_convolutional, built.modules())):
        yield f"remove_bn_vis_adapter has no effect: adapters in {name} have no norms."
    follows = spec.freeze_bn_statistics or spec.unfreeze_vis_encoder or spec.unfreeze_batch_norms
    if norms and not follows and spec.feature_type.startswith(RAW):
        yield (
            f"freeze_bn_statistics is false, so the batch norms of the frozen {name} change while "
            "training. Set freeze_bn_statistics: true to keep them."
        )
