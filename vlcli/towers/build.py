"""An encoder by its library and name: `timm:resnet50`, `torchvision:vit_b_16`, `open_clip:RN50`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vlcli.hub import hub_can_be_reached
from vlcli.spec.encoders import LIBRARIES, PRETRAINED, RANDOM
from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError

from .fetching import quiet
from .packages import find, renamed
from .tower import UNSEEN, USAGE, Look, Tower

SEED = 0  # of random weights
Read = Callable[[Path], Mapping[str, Tensor]]


class Asked(NamedTuple):
    """Where an encoder was named: the exit code of what is wrong with it, and how its weights are
    named there."""

    code: int
    weights: str


COMMAND = Asked(USAGE, "Give --weights with a file or package, or --random.")
SPEC = Asked(3, f'Set vis_weights to a file or package that holds them, or to "{RANDOM}".')


def build(
    encoder: str,
    weights: str = PRETRAINED,
    size: int | None = None,
    read: Read | None = None,
    asked: Asked = COMMAND,
    seed: int = SEED,
) -> Tower:
    """The encoder `library:name` for pictures of `size` x `size` pixels (None: its own), frozen.

    `weights` are the library's pretrained ones, random ones (those of `seed`; torch's generator is
    left as it was), or a file or package, whose file `read` reads. UserError for unknown names,
    and where the weights cannot be had or are of another encoder.
    """
    library, _, name = encoder.partition(":")
    if library not in LIBRARIES or not name:
        named = " or ".join([", ".join(f"{each}:NAME" for each in LIBRARIES[:-1]), LIBRARIES[-1]])
        raise UserError(f'"{encoder}" names no encoder. Write {named}:NAME[:TAG].', asked.code)
    module = import_module(f"vlcli.towers.{library}")
    plain, _, tag = name.partition(":")
    if not getattr(module, "OPEN", False):
        _known(library, plain, module.names, asked)
    pretrained = weights == PRETRAINED
    try:
        with quiet(pretrained), torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(seed)
            tower: Tower = module.build(plain, tag, pretrained)
    except UserError as error:
        raise UserError(str(error), asked.code) from error
    except (OSError, RuntimeError, ValueError) as error:
        if not pretrained:
            raise
        first = str(error).splitlines()[0].rstrip(".")
        why = first if hub_can_be_reached() else "they are not on this machine, nor is a network"
        raise UserError(
            f"The pretrained weights of {encoder} cannot be had: {why}. {asked.weights}"
        ) from error
    tower.name, tower.code = encoder, asked.code
    if weights not in (PRETRAINED, RANDOM):
        assert read is not None
        _load(tower, weights, read)
    if size is not None:
        try:
            tower.resize(size)
        except UNSEEN as error:
            raise tower.unseen(size, error) from error
    return tower.requires_grad_(False)


def outline(encoder: str, size: int | None = None, asked: Asked = COMMAND) -> Tower:
    """The encoder in its full shape on the meta device, without weights."""
    with torch.device("meta"):
        return build(encoder, RANDOM, size, asked=asked)


@cache
def look(encoder: str, size: int | None = None) -> Look:
    """How an encoder wants pictures."""
    return outline(encoder, size, SPEC).look


def _load(tower: Tower, weights: str, read: Read) -> None:
    path, package = find(weights)
    held = read(path)
    if package is not None:
        if package.encoder != tower.name:
            raise UserError(
                f"The package {weights} has the weights of {package.encoder}, not of "
                f"{tower.name}. Name {package.encoder} as the encoder."
            )
        held = renamed(held, package)
        mean, std = (package.mean / 255,) * 3, (package.std / 255,) * 3
        tower.look = tower.look._replace(mean=mean, std=std)
    tower.load(held, weights)


def _known(library: str, name: str, names: Callable[[], list[str]], asked: Asked) -> None:
    held = names()
    if name.partition(".")[0] in held or name in held:
        return
    near = nearest(name, held)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {len(held)} others."
    raise UserError(f'{library} has no encoder "{name}". {hint}', asked.code)
