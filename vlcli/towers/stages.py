"""Where the last stage of an encoder stands: what trains when only its end does."""

from __future__ import annotations

from torch import nn

# What holds the stages or blocks of an encoder, and those whose last one is known by name.
NAMED = ("layer4",)  # ResNets
TRUNKS = (
    "transformer.resblocks",  # open_clip's transformers
    "encoder.layers",  # torchvision's
    *("encoder.layer", "encoder.stages", "vision_model.encoder.layers"),  # transformers'
    *("blocks", "stages", "layers", "features"),
)
LEAST = 2  # weight matrices of a stage: a norm or a single convolution behind it is none


def last_stage(visual: nn.Module) -> str | None:
    """The name, in an encoder's own module, of its last stage or block; None where none is
    known."""
    modules = dict(visual.named_modules())
    for name in NAMED:
        if name in modules:
            return name
    for trunk in TRUNKS:
        children = list(modules[trunk].named_children()) if trunk in modules else []
        for least in (LEAST, 1):
            found = [name for name, child in children if _matrices(child) >= least]
            if found:
                return f"{trunk}.{found[-1]}"
    return None


def _matrices(module: nn.Module) -> int:
    return sum(parameter.ndim > 1 for parameter in module.parameters())
