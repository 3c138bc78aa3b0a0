"""Values that may be written as a comma text or as a list."""

from __future__ import annotations

import re
from typing import Any


def names_list(value: Any) -> Any:
    """ "vqa, gqa", "vqa gqa" or ["vqa", "gqa"] -> ("vqa", "gqa").

    Anything else is left to its type check. A name keeps what is inside it: empty parts survive,
    so that a rule can speak of them.
    """
    if isinstance(value, str):
        return tuple(re.split(r"\s*,\s*|\s+", value.strip())) if value.strip() else ()
    return tuple(value) if isinstance(value, list) else value


def height_and_width(value: Any) -> Any:
    """ "448,448", "(448,448)", [448, 448] or 448 -> (448, 448) in pixels."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = (value, value)
    elif isinstance(value, str):
        found = re.fullmatch(r"\s*[(\[]?\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,?\s*[)\]]?\s*", value)
        value = tuple(map(int, found.groups())) if found else value
    elif isinstance(value, list):
        value = tuple(value)
    if isinstance(value, tuple) and any(isinstance(n, int) and n < 1 for n in value):
        raise ValueError("image_size must be at least 1 pixel high and wide.")
    return value
