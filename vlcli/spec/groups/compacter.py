"""Compacter: adapters built from Kronecker products."""

from .. import needs
from ..fields import Group, arg


class CompacterArgs(Group):
    """Compacter"""

    use_compacter: bool = arg(
        False, "Adapters with parametrised hypercomplex layers (Karimi Mahabadi et al. 2021)."
    )
    hypercomplex_division: int = arg(
        4,
        "Number n of Kronecker products that add up to a weight; divides D and "
        "D // reduction_factor.",
        ge=1,
        needs=needs.COMPACTER,
    )
    phm_rank: int = arg(
        1,
        "Rank of the factorised Kronecker factor.",
        ge=1,
        needs=(needs.COMPACTER, needs.FACTORIZED),
    )
    shared_phm_rule: bool = arg(
        True, "One n x n x n rule for the whole model.", needs=needs.COMPACTER
    )
    factorized_phm: bool = arg(
        True,
        "Write the large Kronecker factor as a product of rank phm_rank.",
        needs=needs.COMPACTER,
    )
    phm_init_range: float = arg(
        0.01, "Standard deviation of the rule at the start.", gt=0, needs=needs.COMPACTER
    )
    shared_phm_rule_over_tasks: bool = arg(
        False,
        "Per position, all tasks use the first task's rule.",
        needs=(needs.COMPACTER, needs.NOT_SINGLE, needs.OWN_RULES, needs.SEVERAL_TASKS),
    )
    factorized_phm_rule: bool = arg(
        False,
        "Write each n x n rule as a product of rank 1, a column times a row.",
        needs=needs.COMPACTER,
        new=True,
    )
    learn_phm: bool = arg(
        True, "Train the rules; false leaves them as drawn.", needs=needs.COMPACTER, new=True
    )
