"""Image encoders of Hugging Face transformers: pretrained ones, and new ones of known shapes.

B pictures, T tokens, r, c rows and columns of the grid, F feature width.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    BeitConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    PretrainedConfig,
    SiglipVisionConfig,
    SwinConfig,
    ViTConfig,
)

from vlcli.hush import hushed
from vlcli.spec.problem import UserError

from .fetching import fetched
from .tower import Look, Pool, Tower, tokens_to_grid

OPEN = True  # it has more encoders than can be listed: a hub has them
_SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
_SMALL |= {"intermediate_size": 256, "image_size": 64, "patch_size": 16}
_DINO = {"num_attention_heads": 4, "hidden_size": 128, "num_hidden_layers": 2, "image_size": 64}
_SWIN = {"embed_dim": 32, "depths": [2, 2], "num_heads": [2, 4], "image_size": 64, "window_size": 4}

# Shapes of models that can begin at random without any file.
SHAPES: dict[str, Callable[[], PretrainedConfig]] = {
    "vit-mini": lambda: ViTConfig(**_SMALL),
    "beit-mini": lambda: BeitConfig(**_SMALL, use_relative_position_bias=True),
    "clip-mini": lambda: CLIPVisionConfig(**_SMALL),
    "siglip-mini": lambda: SiglipVisionConfig(**_SMALL),
    "dinov2-mini": lambda: Dinov2Config(**_DINO, patch_size=16),
    "swin-mini": lambda: SwinConfig(**_SWIN),
    "convnext-mini": lambda: ConvNextConfig(hidden_sizes=[16, 32], depths=[1, 1], num_stages=2),
    "google/vit-base-patch16-224": ViTConfig,
    "microsoft/beit-base-patch16-224": lambda: BeitConfig(
        use_relative_position_bias=True, use_mean_pooling=True
    ),
    "openai/clip-vit-base-patch32": CLIPVisionConfig,
    "google/siglip-base-patch16-224": SiglipVisionConfig,
    "facebook/dinov2-base": lambda: Dinov2Config(image_size=518, patch_size=14),
    "microsoft/swin-tiny-patch4-window7-224": SwinConfig,
    "facebook/convnext-tiny-224": ConvNextConfig,
}
_HALF = ((0.5,) * 3, (0.5,) * 3)
_CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_FAMILIES = (("clip", _CLIP), ("vit", _HALF), ("beit", _HALF), ("siglip", _HALF))
BICUBIC = 3  # PIL's number
_RESAMPLINGS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


class HuggingFaceTower(Tower):
    """Models of one stack give states and a pooled state; of two, such as CLIP, the image side
    gives projected features."""

    def __init__(self, name: str, visual: nn.Module, look: Look) -> None:
        super().__init__(name, visual, look)
        self.config: Any = getattr(visual.config, "vision_config", visual.config)
        self.twin = hasattr(visual, "get_image_features")
        self.own = look.size
        if self.twin:
            for part in ("text_model", "text_projection", "logit_scale", "logit_bias"):
                if hasattr(visual, part):
                    setattr(visual, part, None)

    def grid(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        stack = visual.vision_model if self.twin else visual
        found: Tensor = self._run(stack, pixels).last_hidden_state
        if found.ndim == 4:
            return found
        side = self.look.size // _cell(self.config)
        return tokens_to_grid(found[:, found.shape[1] - side * side :], side, side)

    def pooled(self, pixels: Tensor) -> Tensor:
        visual: Any = self.visual
        if self.twin:
            features: Tensor = self._run(visual.get_image_features, pixels)
            return features
        found = self._run(visual, pixels)
        pooled: Tensor | None = found.get("pooler_output")
        if pooled is not None:
            return pooled.flatten(1)
        states: Tensor = found.last_hidden_state
        return states[:, 0]

    def settle(self, pool: Pool) -> None:
        visual: Any = self.visual
        stack = visual.vision_model if self.twin else visual
        if pool == "grid":
            if self.twin:
                visual.visual_projection = None
            if getattr(stack, "pooler", None) is not None:
                stack.pooler = None
        elif hasattr(stack, "embeddings") and hasattr(stack.embeddings, "mask_token"):
            stack.embeddings.mask_token = None  # of training with hidden patches

    def _run(self, call: Any, pixels: Tensor) -> Any:
        told = getattr(call, "forward", call)
        more = {}
        if self.look.size != self.own and "interpolate_pos_encoding" in _arguments(told):
            more["interpolate_pos_encoding"] = True
        return call(pixel_values=pixels, **more)


def names() -> list[str]:
    return list(SHAPES)


def tags(name: str) -> list[str]:
    """Any revision of a hub may be named, and none is known here."""
    return []


def build(name: str, tag: str, pretrained: bool) -> Tower:
    """`tag` is a revision of the hub."""
    revision = {"revision": tag} if tag else {}
    with hushed("transformers"):
        config = _config(name, pretrained, revision)
        options: dict[str, Any] = {}
        if config.model_type in ("vit", "deit"):
            options["add_pooling_layer"] = False  # weights seldom have it: the first state counts
        if pretrained:
            visual = fetched(
                AutoModel.from_pretrained,
                name,
                "image model",
                ("config.json",),
                config=config,
                **options,
                **revision,
            )
        else:
            visual = AutoModel.from_config(config, **options)
    own = getattr(config, "vision_config", config)
    if not hasattr(own, "image_size") and not hasattr(own, "num_channels"):
        raise UserError(f"{name} is a model of {config.model_type}, which sees no pictures.")
    return HuggingFaceTower(name, visual, _look(name, config, revision))


def _config(name: str, pretrained: bool, revision: dict[str, Any]) -> PretrainedConfig:
    if name in SHAPES and not pretrained and not Path(name).is_dir():
        return SHAPES[name]()
    found: PretrainedConfig = fetched(
        AutoConfig.from_pretrained, name, "image model", ("config.json",), **revision
    )
    return found


def _look(name: str, config: Any, revision: dict[str, Any]) -> Look:
    """As the files of a model say; those of a shape say nothing, and its family does."""
    own = getattr(config, "vision_config", config)
    size = getattr(own, "image_size", 224)
    side = int(size if isinstance(size, int) else size[0])
    mean, std = next((v for key, v in _FAMILIES if key in config.model_type), _IMAGENET)
    resample = BICUBIC
    if name not in SHAPES or Path(name).is_dir():
        try:
            told = AutoImageProcessor.from_pretrained(name, **revision, local_files_only=True)
        except (OSError, ValueError):
            told = None  # a model alone
        mean = tuple(getattr(told, "image_mean", None) or mean)
        std = tuple(getattr(told, "image_std", None) or std)
        resample = int(getattr(told, "resample", None) or resample)
    return Look(side, mean, std, _RESAMPLINGS[resample])


def _cell(config: Any) -> int:
    """Pixels along a cell of the grid."""
    size = config.patch_size
    stages = len(getattr(config, "depths", ())) or 1  # Swin's halve the grid
    return int(size if isinstance(size, int) else size[0]) * 2 ** (stages - 1)


def _arguments(call: Any) -> set[str]:
    return set(inspect.signature(call).parameters)
