"""The records of cls: the class of a picture is its one large object."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from .sets import Shown


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    for each in shown:
        yield {**each.about(), "label": each.scene.things[0].name}
