"""Bottleneck and low-rank adapters, and what all adapter kinds share."""

from .. import needs
from ..fields import Group, arg


class AdapterArgs(Group):
    """Adapters"""

    use_adapter: bool = arg(
        False, "Bottleneck adapters after attention and feed-forward layers (Houlsby et al. 2019)."
    )
    use_lradapter: bool = arg(
        False, "Low-rank adapters: both projections are products of two thin matrices."
    )
    low_rank_rank: int = arg(
        1, "Rank of a low-rank adapter's projections.", ge=1, needs=needs.LRADAPTER
    )
    use_single_adapter: bool = arg(
        False,
        "One adapter that all tasks share; false gives each task its own.",
        needs=(needs.ADAPTERS, needs.CONTROLLERS),
    )
    reduction_factor: int = arg(
        16,
        "Model width divided by bottleneck width, r = D // reduction_factor (the paper's d is r).",
        ge=1,
        needs=needs.ADAPTERS,
    )
    add_adapter_cross_attn: bool = arg(
        True, "Also adapt the decoder's cross-attention.", needs=needs.ADAPTERS
    )
    add_layer_norm_before_adapter: bool = arg(
        False, "Layer norm in front of each adapter.", needs=needs.ADAPTERS
    )
    add_layer_norm_after_adapter: bool = arg(
        False, "Layer norm behind each adapter.", needs=needs.ADAPTERS
    )
    share_down_sampler: bool = arg(
        False,
        "All tasks use the first task's down projection.",
        needs=(needs.ADAPTERS, needs.CONTROLLERS, needs.NOT_SINGLE, needs.SEVERAL_TASKS),
    )
    share_up_sampler: bool = arg(
        False,
        "All tasks use the first task's up projection (the paper's half-shared adapters).",
        needs=(needs.ADAPTERS, needs.CONTROLLERS, needs.NOT_SINGLE, needs.SEVERAL_TASKS),
    )
    use_lm_head_adapter: bool = arg(
        False,
        "An adapter from the last hidden state that adds to the output logits.",
        needs=needs.WRITTEN_ANSWERS,
    )
    track_z: bool = arg(
        False,
        "Add lambda_z x the mean square of the bottleneck activations to the loss.",
        needs=needs.MULTITASK_Z,
    )
    lambda_z: float = arg(0.001, "Weight of the z term.", ge=0, needs=needs.TRACK_Z)
