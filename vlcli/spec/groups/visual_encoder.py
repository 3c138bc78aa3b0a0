"""Where visual features come from, and the image tower that makes them during a run."""

import re
from typing import Any

from .. import needs
from ..encoders import PRETRAINED, RAW, fault_of
from ..fields import Group, any_of, arg
from ..lists import height_and_width
from ..sizes import FEATURE_TYPES
from ..stores import STORED

_EXPECTED = any_of((*FEATURE_TYPES, "stored:PATH", "raw:LIBRARY:NAME"))


def _feature_type(name: Any) -> Any:
    if not isinstance(name, str) or name in FEATURE_TYPES:
        return name
    if name.startswith(RAW):
        if fault := fault_of(name):
            raise ValueError(f'feature_type is "{name}"; {fault}.')
        return name
    if not name.startswith(STORED):
        raise ValueError(f'feature_type is "{name}"; it must be {_EXPECTED}.')
    if not name.removeprefix(STORED).strip():
        raise ValueError(f'feature_type is "{name}"; after the colon stands the path of a store.')
    return name


_ADAPTER_TYPE = re.compile(
    r"(front|middle|back|transition)(/(front|middle|back|transition))*-(bottleneck|basic)"
)


def _vis_adapter_type(name: Any) -> Any:
    if isinstance(name, str) and not _ADAPTER_TYPE.fullmatch(name):
        raise ValueError(
            f'vis_adapter_type is "{name}"; it must be places joined by / (front, middle, back, '
            "transition), a dash, and bottleneck or basic."
        )
    return name


class VisualEncoderArgs(Group):
    """Visual features and encoder"""

    feature_type: str = arg(
        "butd",
        "Source of visual features: butd (36 stored boxes), RN50, RN101, RN50x4 or ViT (stored "
        "CLIP grids), raw_* (pictures through that CLIP tower), patch (a grid of pixel patches), "
        "stored:PATH (what `vlcli features extract` wrote to PATH), raw:LIBRARY:NAME[:TAG] "
        "(pictures through a tower of timm, torchvision, open_clip or huggingface). Cells of "
        "stored CLIP grids and of raw_* have no boxes (all zero, as published); those of the "
        "others have theirs.",
        read=_feature_type,
        needs=needs.VISION,
        expects=_EXPECTED,
    )
    image_size: tuple[int, int] = arg(
        (448, 448),
        'Height and width that pictures are resized to, in pixels: "448,448", [448, 448] or 448.',
        read=height_and_width,
        needs=(needs.VISION, needs.PIXELS, needs.WHOLE),
        expects='height and width, such as "448,448", [448, 448] or 448',
    )
    patch_size: int = arg(
        32, "Side of a square pixel patch.", ge=1, needs=(needs.VISION, needs.PATCH), new=True
    )
    vis_weights: str = arg(
        PRETRAINED,
        "Weights of the image tower to begin with: pretrained (the library's own, by name), random "
        "(always the same), or a file or installed package that holds them.",
        needs=(needs.VISION, needs.RAW),
        expects='"pretrained", "random", or the name of a file or package',
        new=True,
    )
    vis_pooling_output: bool = arg(
        False,
        "Use the tower's one pooled feature in place of its grid.",
        needs=needs.VISION,
    )
    legacy_attnpool_positions: bool = arg(
        False,
        "Leave the attention pool of a CLIP ResNet without positions, as the published code does "
        "without meaning to.",
        needs=(needs.VISION, needs.RAW, needs.ATTENTION_POOL),
        new=True,
    )
    use_data_augmentation: bool = arg(
        False,
        "Flip, crop, and erase parts of training pictures at random; boxes move along. Clips and "
        "pictures whose texts speak of left or right are not flipped.",
        needs=(needs.VISION, needs.PIXELS),
    )
    cache_features: bool = arg(
        False,
        "Compute what a frozen image tower makes of pictures once, before training (of one that "
        "trains in part, what enters the first stage that does), and keep it on the disk for this "
        "run and others: in vlcli of the user's cache folder.",
        needs=(needs.VISION, needs.RAW, needs.TRAINING),
        new=True,
    )
    use_vis_adapter: bool = arg(
        False, "Put trainable adapters into the image tower.", needs=(needs.VISION, needs.RAW)
    )
    vis_adapter_type: str = arg(
        "middle-bottleneck",
        "Places and kind of visual adapters: front, middle, back, transition (joined by /), a "
        "dash, bottleneck or basic. In a ResNet, front, middle and back stand beside the three "
        "convolutions of a block; in a transformer, front follows the attention, middle stands "
        "beside the feed-forward layer and back follows it. transition follows the block.",
        read=_vis_adapter_type,
        code="R81",
        expects='"front-bottleneck", "middle-bottleneck", "back-bottleneck", '
        '"transition-bottleneck", the same with basic, or several places ("front/back-basic")',
        needs=(needs.VISION, needs.RAW, needs.VIS_ADAPTER),
    )
    vis_reduction_factor: int = arg(
        2,
        "Channels of a visual bottleneck are the block's channels divided by this.",
        ge=1,
        needs=(needs.VISION, needs.RAW, needs.VIS_ADAPTER, needs.VIS_BOTTLENECK),
    )
    remove_bn_vis_adapter: bool = arg(
        False,
        "Leave batch norm out of visual adapters.",
        needs=(needs.VISION, needs.RAW, needs.VIS_ADAPTER, needs.VIS_NORMS),
    )
    legacy_vis_adapter_bn: bool = arg(
        False,
        "With remove_bn_vis_adapter, leave batch norm out in the first block of each stage alone, "
        "as the published code does without meaning to.",
        needs=(needs.VISION, needs.RAW, needs.VIS_ADAPTER, needs.VIS_NORMS, needs.NO_VIS_NORMS),
        new=True,
    )
    use_separate_optimizer_for_visual: bool = arg(
        False,
        "Give the image tower its own learning rate and weight decay.",
        needs=(needs.VISION, needs.ADAMW),
    )
    use_adam_for_visual: bool = arg(
        False,
        "Step the image tower by AdamW; false steps it by SGD without momentum.",
        needs=(needs.VISION, needs.SEPARATE_OPTIMIZER, needs.ADAMW),
    )
    vis_lr: float = arg(
        1e-4,
        "Learning rate of the image tower.",
        ge=0,
        code="R130",
        needs=(needs.VISION, needs.RAW, needs.SEPARATE_OPTIMIZER, needs.ADAMW),
    )
    vis_weight_decay: float = arg(
        0.01,
        "Weight decay of the image tower.",
        ge=0,
        code="R130",
        needs=(needs.VISION, needs.RAW, needs.SEPARATE_OPTIMIZER, needs.ADAMW),
    )
