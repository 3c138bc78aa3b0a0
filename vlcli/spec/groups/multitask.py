"""How several tasks take turns."""

from typing import Literal

from .. import needs
from ..fields import Group, arg


class MultitaskArgs(Group):
    """Multitask"""

    multitask_sampling: Literal["roundrobin", "balanced"] = arg(
        "roundrobin",
        "How tasks take turns: roundrobin runs every batch of every task once per epoch, shuffled "
        "together, as published; balanced runs equally many batches of each task.",
        code="R104",
        needs=needs.MULTITASK,
    )
