"""The words by which tasks speak to VL-T5 and VL-BART: sentinels, regions, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlcli.spec.sizes import VISUAL_TOKENS, Family

# In the order of their ids: both families are numbered downwards.
SENTINELS = tuple(f"<extra_id_{i}>" for i in reversed(range(VISUAL_TOKENS)))
REGIONS = tuple(f"<vis_extra_id_{i}>" for i in reversed(range(VISUAL_TOKENS)))


@dataclass(frozen=True, slots=True)
class Wording:
    """How a family writes what is left out: T5 numbers spans, BART masks and repeats the text."""

    style: Literal["span", "denoise"]
    mask: str | None

    def sentinel(self, number: int) -> str:
        return f"<extra_id_{number}>"

    def region(self, number: int) -> str:
        """The token of a picture's box."""
        return f"<vis_extra_id_{number}>"


WORDING: dict[Family, Wording] = {"t5": Wording("span", None), "bart": Wording("denoise", "<mask>")}
