"""Detectors of torchvision: the best boxes of a picture, whatever they show.

M boxes of a picture, H, W its height and width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models  # type: ignore[import-untyped]
from torchvision.ops import nms  # type: ignore[import-untyped]

from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError

from .state import digest, load_whole
from .tower import USAGE

LIBRARY = "torchvision"
SEED = 0  # of random weights
CANDIDATES = 10  # times as many boxes as are wanted are looked at
OVERLAPS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # tried one after the other, until there are enough boxes
TOGETHER = 4  # pictures that are looked at at once: they are of full size


_NAMES_THINGS = re.compile(
    r"(box_predictor\.cls_score|classification_head\.(cls_logits|module_list\.0(\.1)?))\.bias$"
)


class Found(NamedTuple):
    """The best boxes (M, 4) of a picture as shares, best first; the number of what each shows (M,),
    and how sure that is (M,)."""

    boxes: Tensor
    obj_id: Tensor
    obj_conf: Tensor


class Detector:
    """A detector by name. It is asked for boxes that are at least so sure (`least`); of those that
    overlap, whatever they show, the surest stays: as Bottom-Up Attention's does it, boxes may
    overlap by a half, and more where there would be fewer than are wanted."""

    def __init__(self, name: str, model: nn.Module, words: Sequence[str], least: float) -> None:
        self.name, self.model, self.words, self.least = name, model.eval(), tuple(words), least
        self.model.requires_grad_(False)

    def to(self, device: str) -> Detector:
        self.model.to(device)
        return self

    @torch.inference_mode()
    def find(self, pictures: Sequence[Tensor], many: int) -> list[Found]:
        """Up to `many` boxes of each of the pictures (H, W, 3) in bytes, whatever their sizes."""
        self._ask_for(many)
        device = next(self.model.parameters()).device
        found: list[Found] = []
        for at in range(0, len(pictures), TOGETHER):
            some = [each.to(device) for each in pictures[at : at + TOGETHER]]
            seen = self.model([each.permute(2, 0, 1).float() / 255 for each in some])
            found += [_best(one, each, many) for one, each in zip(seen, some, strict=True)]
        return found

    def facts(self) -> dict[str, Any]:
        """What boxes depend on, as JSON values."""
        held = digest(self.model)
        return {"detector": self.name, "detector_sha256": held, "min_score": self.least}

    def _ask_for(self, many: int) -> None:
        """All torchvision's detectors cut their boxes off by themselves, later than we do now."""
        model: Any = getattr(self.model, "roi_heads", self.model)
        model.score_thresh = self.least
        model.detections_per_img = many * CANDIDATES


def names() -> list[str]:
    return models.list_models(module=models.detection)


def build(
    detector: str,
    pretrained: bool,
    least: float,
    weights: Mapping[str, Tensor] | None = None,
    source: str = "",
) -> Detector:
    """The detector `torchvision:NAME` with the library's pretrained weights, with those given (from
    `source`), or random ones, always the same. UserError (exit code 2) for unknown names, and
    where weights cannot be had or are of another."""
    library, _, name = detector.partition(":")
    held = names()
    if library != LIBRARY or name not in held:
        near = nearest(name, held)
        hint = f"Did you mean {LIBRARY}:{near[0]}?" if near else f"It has {', '.join(held)}."
        raise UserError(f'torchvision has no detector "{detector}". {hint}', USAGE)
    offered = models.get_model_weights(name).DEFAULT
    more = {"num_classes": _classes(weights)} if weights else {}
    try:
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(SEED)
            model = models.get_model(
                name, weights=offered if pretrained else None, weights_backbone=None, **more
            )
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise UserError(
            f"The pretrained weights of {detector} cannot be had ({str(error).splitlines()[0]}). "
            "Give --detector-weights with a file, or --detector-random."
        ) from error
    if weights:
        load_whole(model, weights, source, detector)
    words = offered.meta["categories"] if pretrained else ()
    return Detector(detector, model, words, least)


def _best(seen: Mapping[str, Tensor], picture: Tensor, many: int) -> Found:
    """Of all boxes of one picture, as torchvision gives them, in pixels."""
    order = seen["scores"].argsort(descending=True)
    boxes, scores, labels = (seen[key][order] for key in ("boxes", "scores", "labels"))
    kept = order[:0]
    for most in OVERLAPS:
        kept = nms(boxes, scores, most)[:many]
        if len(kept) == many:
            break
    height, width = picture.shape[:2]
    shares = boxes[kept] / boxes.new_tensor([width, height, width, height])
    return Found(shares.clamp(0, 1).cpu(), labels[kept].cpu(), scores[kept].cpu())


def _classes(weights: Mapping[str, Tensor]) -> int:
    """How many things a detector of these weights knows, its background among them."""
    heads = list(filter(_NAMES_THINGS.search, weights))
    if not heads:
        raise UserError("The weights of the detector have no head that names what boxes show.")
    kinds = len(weights[heads[0]])
    boxes = heads[0].replace("classification_head", "regression_head")
    boxes = boxes.replace("cls_logits", "bbox_reg")
    if boxes == heads[0] or boxes not in weights:  # a head of its own for each class
        return kinds
    return kinds * 4 // len(weights[boxes])
