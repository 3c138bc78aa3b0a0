"""Which towers the libraries have by name, and which pretrained weights."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple


class Listed(NamedTuple):
    """A tower's name, the sides (image, text) that it can be, and the names of its weights, the
    library's choice first."""

    name: str
    sides: tuple[str, ...]
    weights: tuple[str, ...]


def listed(library: str) -> list[Listed]:
    """All towers of a library, in the library's order."""
    if library == "sbert":
        return []  # every model of a hub, and none that begins without a folder
    module = import_module(f"vlcli.towers.{library}")
    sides = ("image", "text") if library == "open_clip" else ("image",)
    found = [Listed(name, sides, tuple(module.tags(name))) for name in module.names()]
    if library == "huggingface":
        from .text.huggingface import SHAPES

        found += [Listed(name, ("text",), ()) for name in SHAPES]
    return found
