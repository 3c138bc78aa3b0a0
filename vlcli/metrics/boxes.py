"""How well boxes agree: intersection over union.

M boxes; a box is x1, y1, x2, y2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RIGHT = 0.5  # a box with more than this of the right one's counts as found


def iou(box: Sequence[float], boxes: np.ndarray, pixel: float = 0.0) -> np.ndarray:
    """Intersection over union (M) of one box with others (M, 4).

    `pixel` is what the last pixel adds to a side: 1 where boxes name pixels, both inclusive, as in
    the published evaluation of RefCOCOg; 0 for shares. A box without area has 0 with all.
    """
    one, others = np.asarray(box, np.float64), np.asarray(boxes, np.float64).reshape(-1, 4)
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    common = np.clip(high - low + pixel, 0, None).prod(-1)
    areas = np.clip(others[:, 2:] - others[:, :2] + pixel, 0, None).prod(-1)
    whole = np.clip(one[2:] - one[:2] + pixel, 0, None).prod() + areas - common
    return np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
