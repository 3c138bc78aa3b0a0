"""The losses by their published names, with what each needs: known without torch, for rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Objective(NamedTuple):
    """A loss: `impl` is "file:Class" in losses/.

    `gathers`: the loss of a pair depends on the other pairs of a step, so those of all processes
    come together; `spread`: it is a matter of how they lie among each other, and one pair has none.
    `scale`, `bias`: a learned scale, a learned bias of the similarities. `labels`:
    the classes of pictures. `directed`: one side (`teacher`) is the target, and learns nothing.
    `prototypes`: heads end in a layer of prototypes. `queue`: vectors of earlier steps are kept.
    `keys` are what only this loss reads of a spec.
    """

    summary: str
    impl: str
    gathers: bool = False
    spread: bool = False
    scale: bool = False
    bias: bool = False
    labels: bool = False
    directed: bool = False
    prototypes: bool = False
    queue: bool = False
    keys: tuple[str, ...] = ()


OBJECTIVES: dict[str, Objective] = {
    "InfoNCE": Objective(
        "The symmetric contrastive loss of CLIP", "contrastive:InfoNCE", gathers=True, scale=True
    ),
    "SigLIP": Objective(
        "Every pair of a batch judged for itself, by a sigmoid",
        "contrastive:SigLIP",
        gathers=True,
        scale=True,
        bias=True,
    ),
    "UniCL": Objective(
        "InfoNCE in which all pairs of a class belong together",
        "contrastive:UniCL",
        gathers=True,
        scale=True,
        labels=True,
    ),
    "CrossEntropy": Objective(
        "Features as the logits of classes", "contrastive:CrossEntropy", labels=True
    ),
    "SimReg": Objective("Squared distance of normalised features", "regression:SimReg"),
    "SimReg-L1": Objective("The same with absolute distances", "regression:SimRegL1"),
    "SimReg-SmoothL1": Objective("The same with smooth L1", "regression:SimRegSmoothL1"),
    "VICReg": Objective(
        "Variance, invariance and covariance of features",
        "regression:VICReg",
        gathers=True,
        spread=True,
    ),
    "BarlowTwins": Objective(
        "The correlation of features made the identity",
        "regression:BarlowTwins",
        gathers=True,
        spread=True,
        keys=("legacy_barlow",),
    ),
    "RKD": Objective(
        "The target's distances and angles between examples",
        "regression:RKD",
        gathers=True,
        spread=True,
        keys=("w_rkd_d", "w_rkd_a"),
    ),
    "CompRess-1q": Objective(
        "The target's similarities to a queue of its earlier features",
        "queues:CompRess1q",
        gathers=True,
        directed=True,
        queue=True,
        keys=("queue_size",),
    ),
    "CompRess-2q": Objective(
        "The same with a queue for each side",
        "queues:CompRess2q",
        gathers=True,
        queue=True,
        keys=("queue_size",),
    ),
    "SEED": Objective(
        "The target's similarities to itself and a queue, sharpened",
        "queues:Seed",
        gathers=True,
        directed=True,
        queue=True,
        keys=("queue_size",),
    ),
    "DINO": Objective(
        "The target's centred and sharpened prototype scores",
        "prototypes:Dino",
        directed=True,
        prototypes=True,
        keys=("dino_teacher_temp", "n_prototypes"),
    ),
    "ProtoCPC": Objective(
        "The target's prototype scores against a prior of all prototypes",
        "prototypes:ProtoCpc",
        directed=True,
        prototypes=True,
        keys=("dino_teacher_temp", "n_prototypes"),
    ),
}


def needing(what: Callable[[Objective], bool]) -> tuple[str, ...]:
    """The names of the losses of which something holds."""
    return tuple(name for name, each in OBJECTIVES.items() if what(each))
