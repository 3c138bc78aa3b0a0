"""The built-in data set `shapes`: drawn on the spot from a seed, and kept in the user's cache."""

from .cache import PICTURES, SEED, SPLITS, Shapes, cache_folder, load
from .scene import draw
from .sets import scenes, split_of
from .tasks import TASKS

__all__ = [
    "PICTURES",
    "SEED",
    "SPLITS",
    "TASKS",
    "Shapes",
    "cache_folder",
    "draw",
    "load",
    "scenes",
    "split_of",
]
