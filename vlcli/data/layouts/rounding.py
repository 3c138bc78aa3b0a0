"""Features in another type, and how far that moved them."""

from __future__ import annotations

import numpy as np

from vlcli.spec.problem import UserError

DTYPES = ("float16", "bfloat16", "float32")


class Rounded:
    """Turns features into a type, and remembers the greatest `change` of a number, the `greatest`
    number, and the types that they had (`before`).

    numpy has no bfloat16: its numbers come out as float32, rounded to what bfloat16 can hold.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.before: dict[str, None] = {}
        self.change = self.greatest = 0.0

    def __call__(self, features: np.ndarray, dtype: str, place: str) -> np.ndarray:
        """Features (N, F) that are stored as `dtype`. UserError, which begins with `place`, for
        numbers that are too large."""
        self.before[dtype] = None
        if dtype == self.dtype:
            return features
        with np.errstate(over="ignore"):  # said below
            found = _bfloat16(features) if self.dtype == "bfloat16" else features.astype(self.dtype)
        if not np.isfinite(found).all():
            raise UserError(
                f"{place}: some numbers are too large for {self.dtype}. Use --dtype float32."
            )
        self.change = max(self.change, float(np.abs(found - features).max()))
        self.greatest = max(self.greatest, float(np.abs(features).max()))
        return found

    def told(self) -> str:
        """A sentence, or nothing where the type stayed."""
        others = [dtype for dtype in self.before if dtype != self.dtype]
        if not others:
            return ""
        words = f"{' and '.join(others)} to {self.dtype}"
        if not self.change:
            return f"{words}: no number changed."
        return f"{words}: numbers of up to {self.greatest:.4g} moved by up to {self.change:.2g}."


def _bfloat16(features: np.ndarray) -> np.ndarray:
    """Rounded to the nearest, halves to even: the upper half of a float32."""
    bits = np.ascontiguousarray(features, np.float32).view(np.uint32)
    half = 0x7FFF + ((bits >> 16) & 1)
    return ((bits + half) & np.uint32(0xFFFF0000)).view(np.float32)
