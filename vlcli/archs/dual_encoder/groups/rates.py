"""Rates of the layers of a tower."""

from vlcli.spec import needs as everywhere
from vlcli.spec.fields import Group, arg

from . import needs


class RateArgs(Group):
    """Rates of layers"""

    layer_decay_image: float = arg(
        1.0,
        "Share of the learning rate that each layer of the image tower has of that of the next "
        "one, towards the output; what follows the layers has the whole rate. 1 slows none.",
        gt=0,
        le=1,
        needs=(everywhere.TRAINING, needs.IMAGE_TRAINS),
        new=True,
    )
    layer_decay_text: float = arg(
        1.0,
        "The same for the text tower, whose embeddings have the whole rate, as published.",
        gt=0,
        le=1,
        needs=(everywhere.TRAINING, needs.TEXT_TRAINS),
        new=True,
    )
    backbone_decay: float = arg(
        1.0,
        "Further share of the learning rate, of all layers of a tower that layer_decay slows.",
        gt=0,
        le=1,
        needs=(everywhere.TRAINING, needs.LAYER_DECAY),
        new=True,
    )
