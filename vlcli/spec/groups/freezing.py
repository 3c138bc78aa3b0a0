"""What trains beside the tuning method: everything else stays frozen."""

from .. import needs
from ..fields import Group, arg


class FreezingArgs(Group):
    """Freezing"""

    unfreeze_language_model: bool = arg(
        False, "Train the whole language model: embeddings, encoder and decoder."
    )
    unfreeze_layer_norms: bool = arg(False, "Train all layer norms.")
    legacy_t5_norms: bool = arg(
        False,
        "With unfreeze_layer_norms, leave T5's own layer norms frozen, as the published code does "
        "without meaning to.",
        needs=(needs.T5, needs.UNFROZEN_NORMS),
        new=True,
    )
    unfreeze_lm_head: bool = arg(False, "Train the output layer and the word embeddings it shares.")
    unfreeze_vis_encoder: bool = arg(
        False, "Train the whole image tower.", needs=(needs.VISION, needs.RAW)
    )
    unfreeze_vis_last_layer: bool = arg(
        False, "Train the image tower's last stage.", needs=(needs.VISION, needs.RAW)
    )
    unfreeze_batch_norms: bool = arg(
        False, "Train the image tower's batch norms.", needs=(needs.VISION, needs.BATCH_NORMS)
    )
    freeze_ln_statistics: bool = arg(
        False,
        "Kept for published command lines.",
        needs=needs.never("R43", "by nothing: a layer norm keeps no statistics"),
    )
    freeze_bn_statistics: bool = arg(
        False,
        "Keep the running statistics of the image tower's batch norms as they are.",
        needs=(needs.VISION, needs.BATCH_NORMS),
    )
