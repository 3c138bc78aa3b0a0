"""The image tower that a spec asks for: built, its adapters put in, its keys held against it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from vlcli.contracts import Source
from vlcli.peft.visual import attach, is_convolutional
from vlcli.runtime.weights import read_file
from vlcli.spec.encoders import PRETRAINED, RANDOM, RAW, encoder_of
from vlcli.spec.problem import UserError
from vlcli.towers.build import SPEC, build, outline
from vlcli.towers.tower import Tower

from .spec import VLSpec
from .vis_encoder import VisEncoder


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
    size = spec.image_size[0]
    if bare:
        tower = outline(name, size, SPEC)
    else:
        tower = build(name, spec.vis_weights, size, read_file, SPEC)
    built = VisEncoder(
        tower,
        "pooled" if spec.vis_pooling_output else "grid",
        spec.freeze_bn_statistics,
        placed=spec.feature_type.startswith(RAW),
    )
    if spec.legacy_attnpool_positions and (table := _attention_positions(tower)) is not None:
        table.data.zero_()
    built.source = _source(built, spec)  # of what stands there before adapters are put in
    found = attach(tower.visual, spec) if spec.use_vis_adapter else None
    _refuse(built, spec, found)
    if spec.use_separate_optimizer_for_visual and spec.optim == "adamw":
        built.rates = spec
    built.remarks = tuple(_remarks(built, spec))
    return built


def _source(built: VisEncoder, spec: VLSpec) -> Source | None:
    name = tower_source(spec)
    if not name:
        return None
    weights = {f"vis_encoder.{each}": v for each, v in built.state_dict().items() if v.dim()}
    rows = {each: len(value) for each, value in weights.items()}
    trainable = {f"vis_encoder.{each}" for each, _ in built.named_parameters()}
    drifting = set() if spec.freeze_bn_statistics else rows.keys() - trainable
    return Source(name, None, rows, frozenset(drifting))


def _refuse(built: VisEncoder, spec: VLSpec, adapted: int | None) -> None:
    """UserError for parts that a spec names and this tower does not have; `adapted` blocks have
    got adapters."""
    name = built.model.name
    if spec.unfreeze_vis_last_layer and not built.last_stage:
        raise UserError(
            f"{name} has no last stage that is known, so unfreeze_vis_last_layer cannot train it. "
            "Set unfreeze_vis_encoder: true in its place.",
            exit_code=3,
        )
    if adapted == 0:
        raise UserError(
            f"{name} has no blocks with places for visual adapters, which stand in the bottlenecks "
            "of a ResNet (three convolutions) and in transformers. Remove use_vis_adapter, or "
            "choose another tower.",
            exit_code=3,
        )


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
