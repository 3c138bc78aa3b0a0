"""Tensors that several processes hold in pieces (FSDP): made whole, and cut again."""

from __future__ import annotations

from torch import Tensor


def whole(value: Tensor) -> Tensor:
    """A tensor with all its pieces; a call for all processes."""
    full: Tensor = value.full_tensor() if hasattr(value, "full_tensor") else value
    return full


def like(value: Tensor, model: Tensor) -> Tensor:
    """`value`, cut as `model` is where that one is in pieces."""
    if not hasattr(model, "device_mesh"):
        return value
    from torch.distributed.tensor import distribute_tensor

    mesh, placements = model.device_mesh, model.placements  # type: ignore[attr-defined]
    return distribute_tensor(value.to(model.device), mesh, placements)
