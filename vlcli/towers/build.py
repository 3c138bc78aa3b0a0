"""An encoder by its library and name: `timm:resnet50`, `torchvision:vit_b_16`, `open_clip:RN50`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

import torch

from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError

from .tower import USAGE, Tower

LIBRARIES = ("timm", "torchvision", "open_clip")
SEED = 0  # of --random


def build(encoder: str, pretrained: bool, size: int | None = None) -> Tower:
    """The encoder `library:name` for pictures of `size` pixels (None: its own), with the library's
    pretrained weights or random ones, always the same.

    UserError (exit code 2) for unknown names, and where the weights cannot be had.
    """
    library, _, name = encoder.partition(":")
    if library not in LIBRARIES or not name:
        raise UserError(
            f'"{encoder}" names no encoder. Write {LIBRARIES[0]}:NAME, {LIBRARIES[1]}:NAME or '
            f"{LIBRARIES[2]}:NAME[:TAG].",
            USAGE,
        )
    module = import_module(f"vlcli.towers.{library}")
    plain, _, tag = name.partition(":")
    _known(library, plain, module.names)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    torch.manual_seed(SEED)
    try:
        tower: Tower = module.build(plain, tag, pretrained, size)
    except (OSError, RuntimeError, ValueError) as error:
        if not pretrained:
            raise
        raise UserError(
            f"The pretrained weights of {encoder} cannot be had ({str(error).splitlines()[0]}). "
            "Give --weights with a file or package, or --random."
        ) from error
    tower.name = encoder
    return tower.requires_grad_(False)


def _known(library: str, name: str, names: Callable[[], list[str]]) -> None:
    held = names()
    if name.partition(".")[0] in held or name in held:
        return
    near = nearest(name, held)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {len(held)} others."
    raise UserError(f'{library} has no encoder "{name}". {hint}', USAGE)
