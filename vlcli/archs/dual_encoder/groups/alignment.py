"""Heads and losses: how two towers are brought together."""

from typing import Any, Literal

from vlcli.spec import needs as everywhere
from vlcli.spec.fields import Group, arg

from ..objectives import OBJECTIVES
from . import needs


def _loss(name: Any) -> Any:
    if isinstance(name, str) and name not in OBJECTIVES:
        like = {each.lower(): each for each in OBJECTIVES}.get(name.lower())
        hint = f"did you mean {like}?" if like else f"there are {', '.join(OBJECTIVES)}."
        raise ValueError(f'loss is "{name}"; {hint}')
    return name


def _joint(width: Any) -> Any:
    """-1 is the published spelling of null."""
    return None if width == -1 else width


class HeadArgs(Group):
    """Projection heads"""

    image_head_n_layers: int = arg(
        0, "Layers of the image tower's projection head; 0 has none, 1 is linear.", ge=0, new=True
    )
    text_head_n_layers: int = arg(
        0, "Layers of the text tower's projection head; 0 has none, 1 is linear.", ge=0, new=True
    )
    joint_projection_dim: int | None = arg(
        None,
        "Width of the common space. Null takes that of the tower without a head; with two heads it "
        "must be given.",
        ge=1,
        read=_joint,
        needs=needs.HEADS,
        new=True,
    )
    head_hidden_dim: int = arg(
        2048, "Width between the layers of a head.", ge=1, needs=needs.DEEP_HEADS, new=True
    )
    n_prototypes: int = arg(
        65536,
        "Prototypes in the last layer of the heads.",
        ge=1,
        needs=needs.by_losses("losses of prototypes", lambda each: each.prototypes),
        new=True,
    )


class AlignmentArgs(Group):
    """Alignment"""

    loss: str = arg(
        "InfoNCE",
        f"What brings pictures and texts together: {', '.join(OBJECTIVES)}.",
        read=_loss,
        new=True,
        expects="the name of a loss, such as InfoNCE or SigLIP",
    )
    teacher: Literal["text", "image"] = arg(
        "text",
        "Which side is the target of losses that have one; where a loss is directed, it stays as "
        "it is.",
        needs=needs.DIRECTED,
        new=True,
    )
    logit_scale: float = arg(
        0.07,
        "Temperature at the beginning: similarities are multiplied by 1 / logit_scale, which then "
        "learns.",
        gt=0,
        needs=(needs.SCALED, needs.BEGINS),
        new=True,
    )
    max_logit_scale: float = arg(
        100.0,
        "Largest factor of similarities, held after every update; the smallest is 1. 0 holds "
        "neither, as published.",
        ge=0,
        needs=(everywhere.TRAINING, needs.SCALED),
        new=True,
    )
    logit_bias: float = arg(
        -10.0, "Bias of similarities at the beginning.", needs=needs.BIASED, new=True
    )
    w_rkd_d: float = arg(
        0.5, "Weight of distances in RKD.", ge=0, needs=needs.of_loss("w_rkd_d"), new=True
    )
    w_rkd_a: float = arg(
        1.0, "Weight of angles in RKD.", ge=0, needs=needs.of_loss("w_rkd_a"), new=True
    )
    dino_teacher_temp: float = arg(
        0.04,
        "Temperature of the target's prototype scores.",
        gt=0,
        needs=needs.of_loss("dino_teacher_temp"),
        new=True,
    )
    queue_size: int = arg(
        65536,
        "Features of earlier steps that are kept.",
        ge=1,
        needs=needs.by_losses("losses with a queue", lambda each: each.queue),
        new=True,
    )
    legacy_barlow: bool = arg(
        False,
        "Normalise for BarlowTwins as the published tool does, where the diagonal can never be 1.",
        needs=needs.of_loss("legacy_barlow"),
        new=True,
    )
    distill_model: str | None = arg(
        None,
        "An architecture of open_clip whose similarities are learned beside the right pairs, by "
        "loss InfoNCE; it stays frozen.",
        needs=everywhere.TRAINING,
        new=True,
    )
    distill_weights: str = arg(
        "",
        "Pretrained weights of distill_model by their tag, or a file of the whole model; empty "
        "takes the first that are listed.",
        needs=needs.DISTILLED,
        new=True,
    )
    grad_cache_size: int = arg(
        0,
        "Pairs whose activations are held at a time: the towers run over a batch in parts and once "
        "more for the gradients, which are those of the whole batch. 0 holds all.",
        ge=0,
        needs=(everywhere.TRAINING, needs.SOME_TOWER_LEARNS),
        new=True,
    )
    local_loss: bool = arg(
        True,
        "With several processes, each computes the loss of its own pairs against all; false lets "
        "each compute the whole.",
        needs=needs.GATHERED,
        new=True,
    )
    gather_with_grad: bool = arg(
        True,
        "With several processes, let gradients flow through the exchange of features: they are "
        "those of one process with the whole batch. false divides them by the number of processes.",
        needs=needs.GATHERED,
        new=True,
    )
