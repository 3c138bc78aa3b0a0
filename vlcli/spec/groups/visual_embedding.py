"""How visual features become tokens of the joint encoder."""

from .. import needs
from ..fields import Group, arg


class VisualEmbeddingArgs(Group):
    """Visual embedding"""

    use_vision: bool = arg(True, "Use the pictures; false is the text-only run of the same task.")
    feat_dim: int = arg(
        2048,
        "Width of one visual feature. Taken from feature_type where that is a known one.",
        ge=1,
        needs=(needs.VISION, needs.WIDTH),
    )
    pos_dim: int = arg(
        4,
        "Numbers that place a box: x1, y1, x2, y2. The area is added as a fifth.",
        ge=4,
        le=4,
        code="R64",
        expects="4: x1, y1, x2, y2",
        needs=needs.VISION,
    )
    legacy_area: bool = arg(
        True,
        "Compute box areas as the published weights were trained, (y2-y1 and x2-x1 mixed up); "
        "false computes width x height.",
        needs=needs.VISION,
        new=True,
    )
    use_vis_order_embedding: bool = arg(
        True, "Add embeddings of the picture's and the box's number.", needs=needs.VISION
    )
    use_vis_layer_norm: bool = arg(True, "Normalise visual embeddings.", needs=needs.VISION)
    individual_vis_layer_norm: bool = arg(
        True,
        "One layer norm after the features and one after the boxes; false: one after their sum.",
        needs=(needs.VISION, needs.VIS_LAYER_NORM),
    )
    share_vis_lang_layer_norm: bool = arg(
        False,
        "Pass text and visual tokens together through the encoder's embedding layer norm.",
        needs=(needs.VISION, needs.BART),
    )
    n_boxes: int = arg(
        36,
        "Visual tokens per picture: boxes read (butd, refcoco), or what downsample, oneddownsample "
        "and sparse_sample leave.",
        ge=1,
        needs=(needs.VISION, needs.FEWER_TOKENS),
    )
    max_n_boxes: int = arg(
        36,
        "Boxes stored per picture in the published caption and translation features.",
        ge=1,
        needs=(needs.VISION, needs.BOX_FILES),
    )
    additional_visual_embedding_layers: int = arg(
        0,
        "Further linear layers with ReLU after the feature projection.",
        ge=0,
        needs=(needs.VISION, needs.T5),
    )
    downsample: bool = arg(
        False, "Max-pool the feature grid to n_boxes tokens (a square number).", needs=needs.VISION
    )
    oneddownsample: bool = arg(
        False, "Max-pool the row of features to n_boxes tokens.", needs=needs.VISION
    )
    sparse_sample: bool = arg(
        False,
        "In training, keep a random ordered subset of n_boxes visual tokens.",
        needs=needs.VISION,
    )
    expand_vis_embedding: bool = arg(
        False,
        "Make n_image_tokens tokens out of one pooled feature (vis_pooling_output).",
        needs=(needs.VISION, needs.BART),
    )
    n_image_tokens: int = arg(
        4,
        "Tokens that expand_vis_embedding makes.",
        ge=1,
        needs=(needs.VISION, needs.BART, needs.EXPAND),
    )
    vis_use_transformer: bool = arg(
        False,
        "Run two BERT layers (12 heads) over the visual features.",
        needs=(needs.VISION, needs.BART, needs.NOT_EXPANDED),
    )
