"""The words that say how classes become texts: known without torch, for specs."""

from __future__ import annotations

from typing import Any

IMAGENET, SIMPLE, CIFAR = "imagenet", "simple", "cifar"
SETS = (IMAGENET, SIMPLE, CIFAR)
FILE = ".txt"


def prompt_templates(name: Any) -> Any:
    """A set, a file, or a text with {}; ValueError for anything else."""
    if isinstance(name, str) and name not in SETS and not name.endswith(FILE) and "{}" not in name:
        raise ValueError(
            f'prompt_templates is "{name}"; it must be {", ".join(SETS)}, a {FILE} file with a '
            "template a line, or a text with {} for the name of the class."
        )
    return name


def class_names(name: Any) -> Any:
    """A file, or those of ImageNet; ValueError for anything else."""
    if isinstance(name, str) and name != IMAGENET and not name.endswith(FILE):
        raise ValueError(f'class_names is "{name}"; it must be {IMAGENET} or a {FILE} file.')
    return name
