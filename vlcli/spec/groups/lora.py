"""Low-rank updates of attention projections."""

from .. import needs
from ..fields import Group, arg


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
