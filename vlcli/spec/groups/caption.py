"""What a caption run puts in front of the picture."""

from typing import Literal

from .. import needs
from ..fields import Group, arg


class CaptionArgs(Group):
    """Caption"""

    prefix: Literal["span", "denoise", "mask"] | None = arg(
        None,
        'Input text of captioning in pretraining style: "span prediction:", "denoise text: <mask>" '
        'or "<mask>"; null takes `prompt`.',
        code="R100",
        needs=needs.CAPTION,
    )
    no_prefix: bool = arg(False, "Give captioning no input text at all.", needs=needs.CAPTION)
