"""The starter specs: the files of `specs/`, in the checkout or packed into the wheel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent


class Recipe(NamedTuple):
    """A spec file; its first comment line says what it is."""

    path: Path
    summary: str


def recipes() -> dict[str, Recipe]:
    """Recipes by name, in the order of their names; the published runs come last."""
    packed = PACKAGE / "specs"
    folder = packed if packed.is_dir() else PACKAGE.parent / "specs"
    paths = [*sorted(folder.glob("*.json5")), *sorted(folder.glob("*/*.json5"))]
    return {path.stem: Recipe(path, _summary(path)) for path in paths}


def _summary(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline().strip().removeprefix("//").strip().rstrip(".")
