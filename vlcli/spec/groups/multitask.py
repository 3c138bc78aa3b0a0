"""How several tasks take turns."""

from typing import Literal

from .. import needs
from ..fields import Group, arg


class MultitaskArgs(Group):
    """Multitask"""

    multitask_sampling: Literal["roundrobin", "alternate", "balanced", "temperature"] = arg(
        "roundrobin",
        "How tasks take turns: roundrobin runs every batch of every task once per epoch, shuffled "
        "together, as published; alternate runs them in turn, task after task; balanced runs "
        "equally many batches of each task, temperature as many in all, shared out by size ** (1 / "
        "sampling_temperature).",
        code="R104",
        needs=needs.MULTITASK,
    )
    sampling_temperature: float = arg(
        1.0,
        "With multitask_sampling temperature: 1 samples tasks by their size, more makes them more "
        "alike.",
        gt=0,
        needs=(needs.MULTITASK, needs.BY_TEMPERATURE),
        new=True,
    )
    task_weight: float = arg(
        1.0,
        "Weight of a task's examples in the loss.",
        ge=0,
        needs=needs.MULTITASK,
        by_task=True,
        new=True,
    )
