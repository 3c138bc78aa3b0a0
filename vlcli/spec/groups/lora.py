"""Low-rank updates of attention projections."""

from typing import Any

from .. import needs
from ..fields import Group, any_of, arg
from ..lists import names_list

TARGETS = ("q", "k", "v", "o", "ff")


def _targets(value: Any) -> Any:
    names = names_list(value)
    if not isinstance(names, tuple):
        return names
    for name in names:
        if isinstance(name, str) and name not in TARGETS:
            raise ValueError(f'lora_targets names "{name}"; it may name {any_of(TARGETS)}.')
    if not names:
        raise ValueError(f"lora_targets is empty; name at least one of {any_of(TARGETS)}.")
    return names


class LoraArgs(Group):
    """LoRA"""

    use_lora: bool = arg(
        False, "Low-rank updates of the query and value projections (Hu et al. 2022)."
    )
    lora_dim: int = arg(4, "Rank of the update.", ge=1, code="R20", needs=needs.LORA)
    lora_alpha: float = arg(
        32, "Scale of the update: it is multiplied by lora_alpha / lora_dim.", needs=needs.LORA
    )
    use_single_lora: bool = arg(
        False, "One update that all tasks share; false gives each task its own.", needs=needs.LORA
    )
    lora_dropout: float = arg(
        0.1,
        "Dropout in front of the update, in training.",
        ge=0,
        lt=1,
        needs=needs.LORA,
        new=True,
    )
    lora_targets: tuple[str, ...] = arg(
        ("q", "v"),
        "Linear layers that get an update: q, k, v and o of every attention, ff for those of "
        "feed-forward layers. A comma text or a list.",
        read=_targets,
        expects="layers as a comma text or a list: " + any_of(TARGETS),
        needs=needs.LORA,
        new=True,
    )
