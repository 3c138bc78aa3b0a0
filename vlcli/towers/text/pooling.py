"""What stands for a whole text, out of the states of its tokens.

B texts, T tokens, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor


def first(states: Tensor, mask: Tensor) -> Tensor:
    """The first token's state."""
    return states[:, 0]


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean state of the tokens that are there."""
    mask_BT1 = mask[..., None].to(states.dtype)
    return (states * mask_BT1).sum(1) / mask_BT1.sum(1).clamp_min(1e-9)


def last(states: Tensor, mask: Tensor) -> Tensor:
    """The last token's state; padding stands on either side."""
    places = torch.arange(mask.shape[1], device=mask.device)
    return states[torch.arange(len(states)), (mask * places).argmax(1)]


def at(states: Tensor, places: Tensor) -> Tensor:
    """The state at a place (B) of every text."""
    return states[torch.arange(len(states), device=states.device), places]


POOLERS = {"cls_before_pooler": first, "mean": mean, "last": last}
