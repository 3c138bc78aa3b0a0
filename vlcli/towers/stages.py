"""The stages of an encoder, and which one is the last: what trains when only its end does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

# What holds the stages or blocks of an encoder, and those whose last one is known by name.
NAMED = ("layer4",)  # ResNets
RESNET = re.compile(r"layer\d")
TRUNKS = (
    "transformer.resblocks",  # open_clip's transformers
    "encoder.layers",  # torchvision's
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


def stages(visual: nn.Module) -> Iterator[str]:
    """The names of its stages or blocks, as far as they are known."""
    modules = dict(visual.named_modules())
    yield from (name for name in modules if RESNET.fullmatch(name))
    for trunk in TRUNKS:
        if trunk in modules:
            yield from (f"{trunk}.{name}" for name, _ in modules[trunk].named_children())


def _matrices(module: nn.Module) -> int:
    return sum(parameter.ndim > 1 for parameter in module.parameters())
