"""A library's remarks, held back where they do not concern the user."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hushed(name: str | None, least: int = logging.ERROR) -> Iterator[None]:
    """Nothing below `least` from the logger of that name (None: the root), for as long as this
    lasts."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(least)
    try:
        yield
    finally:
        logger.setLevel(level)
