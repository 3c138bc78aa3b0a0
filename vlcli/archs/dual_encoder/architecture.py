"""Two encoders as the trainer knows them: batches in, an alignment loss or vectors out.

B examples, N pairs of the step, W width of a tower, D width of the common space.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vlcli.contracts import (
    Architecture,
    Example,
    LastingTexts,
    Losses,
    Part,
    Prediction,
    undecayed,
)
from vlcli.spec.problem import UserError
from vlcli.towers.state import digest
from vlcli.towers.text.open_clip import OpenClipTokenize
from vlcli.towers.text.tower import TextTower, Tokenize

from .batch import Collator, DualBatch
from .gathering import together
from .heads import Head
from .losses.contrastive import distilled
from .losses.pairs import Pairs
from .losses.table import loss_of
from .objectives import OBJECTIVES
from .rates import scales
from .spec import DualSpec
from .teaching import Master
from .towers import ImageTower, Side, image_tower, text_tower

# embeddings of positions and classes
PLACES = ("positional_embedding", "class_embedding", "pos_embed", "cls_token")


class DualEncoder(Architecture):
    """`image` and `text` are the two sides; `loss` holds what a loss remembers; `scale` is the
    logarithm of the factor of similarities, `bias` is added to them, where a loss has them."""

    tower_prefix = "image.tower."

    def __init__(
        self,
        spec: DualSpec,
        images: nn.Module,
        texts: TextTower,
        tokenize: Tokenize,
        classes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.spec, self.tokenize, self.classes = spec, tokenize, tuple(classes)
        self.objective = OBJECTIVES[spec.loss]
        width = _joint(spec, images, texts)
        self.image = Side(images, _head(spec, "image", images, width))
        self.text = Side(texts, _head(spec, "text", texts, width))
        if spec.freeze_bn_statistics and not self.image.batch_norms():
            name = spec.image_model
            self.remarks = (f"freeze_bn_statistics has no effect: {name} has no batch norms.",)
        if self.objective.labels and spec.loss == "CrossEntropy":
            _enough(width, self.classes)
        of = spec.n_prototypes if self.objective.prototypes else width
        self.loss = loss_of(spec.loss, of, spec)
        self.scale = self.bias = None
        if self.objective.scale:
            own = texts.scale if spec.pretrained_text_model else None
            begun = -math.log(spec.logit_scale) if own is None else own
            self.scale = nn.Parameter(torch.tensor(begun))
        if self.objective.bias:
            own = texts.bias if spec.pretrained_text_model else None
            self.bias = nn.Parameter(torch.tensor(spec.logit_bias if own is None else own))
        self.master = Master(spec) if spec.distill_model else None
        self.follow()

    @classmethod
    def build(
        cls,
        spec: DualSpec,
        tokenize: Any,
        feature_width: int,
        classes: Sequence[str] = (),
    ) -> DualEncoder:
        """The model of a spec; `feature_width` is that of stored features."""
        images = image_tower(spec, feature_width)
        return cls(spec, images, text_tower(spec, tokenize), tokenize, classes)

    # What the trainer knows.

    def collator(self) -> Callable[[Sequence[Example]], DualBatch]:
        taught = OpenClipTokenize(self.master.text.name) if self.master else None
        return Collator(self.tokenize, self.classes, taught, self.texts)

    def forward(self, batch: DualBatch) -> Losses:
        many = self.spec.grad_cache_size
        image, text = self.image(self.pictures(batch), many), self.text(batch.tokens, many)
        if len(image) != len(text):
            raise UserError("A training example lacks its picture or its text.", exit_code=3)
        pairs = self.pairs(image, text, batch.labels)
        value = self.compared(pairs)
        if self.master is not None:
            value = value + distilled(pairs, self.across(self.master.pairs(batch)))
        count = value.new_tensor(float(len(batch.ids)))
        logged = {}
        if self.scale is not None:
            logged["scale"] = self.scale.detach().exp() * count
        return Losses(value * count, count, logged)

    @torch.no_grad()
    def predict(self, batch: DualBatch) -> list[Prediction]:
        found: list[dict[str, Tensor]] = [{} for _ in batch.ids]
        sides = (
            (
                "image",
                batch.seen,
                lambda: self.embed(self.image, self.pictures(batch), batch.vector),
            ),
            ("text", batch.read, lambda: self.embed(self.text, batch.tokens, batch.vector)),
        )
        for name, rows, embed in sides:
            if len(rows):
                for row, vector in zip(rows.tolist(), embed().float().cpu(), strict=True):
                    found[row][name] = vector
        return [Prediction(id, "", vectors=v) for id, v in zip(batch.ids, found, strict=True)]

    def param_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """No decay for what is no matrix: norms, biases, scale and single vectors, nor for
        embeddings of positions and classes, nor where decay would break the weight. Layers that
        are slowed have groups of their own."""
        towers = {"image": self.image.tower, "text": self.text.tower}
        share = scales(towers, self.spec)
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                bare = parameter.ndim < 2 or undecayed(name) or name.endswith(PLACES)
                place = (share.get(name, 1.0), 0.0 if bare else weight_decay)
                groups.setdefault(place, []).append(parameter)
        return [
            {"params": held, "weight_decay": decay, "lr": self.spec.lr * scale}
            for (scale, decay), held in sorted(groups.items(), reverse=True)
        ]

    def image_tower(self) -> Any:
        """The tower that pictures pass through, with what `cache_features` asks of it."""
        tower = self.image.tower
        return tower if isinstance(tower, ImageTower) else None

    def lasting_texts(self) -> LastingTexts | None:
        """The vectors of a text tower that trains in no part."""
        if not self.text.fixed:
            return None
        tower = self.text.tower
        assert isinstance(tower, TextTower)
        name, pool = f"{self.spec.text_model_builder}:{self.spec.text_model}", self.spec.text_pooler
        facts = {"encoder": name, "pool": pool, "weights_sha256": digest(tower)}
        return LastingTexts(facts, tower.width, self.tokenize, self.text.plain)

    def parts(self) -> dict[str, Part]:
        return {name: Part(_place(name)) for name, _ in self.named_parameters()}

    @torch.no_grad()
    def after_step(self) -> None:
        if self.scale is not None and self.spec.max_logit_scale:
            self.scale.clamp_(0, math.log(self.spec.max_logit_scale))
        self.follow()

    # The steps of both.

    def freeze(self) -> None:
        """Let train what the spec says."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)
        spec = self.spec
        self.image.lock(spec.lock_image_model, spec.lock_image_partial, spec.freeze_bn_statistics)
        self.text.lock(spec.lock_text_model, spec.lock_text_partial)
        for head in (self.image.head, self.text.head):
            if isinstance(head, Head):
                head.freeze_lengths()
        if self.objective.directed:
            self.target.hold_still()

    @property
    def target(self) -> Side:
        """The side that directed losses learn towards."""
        return self.text if self.spec.teacher == "text" else self.image

    def follow(self) -> None:
        """Of prototype losses both sides have the same prototypes: those of the learner."""
        if self.objective.prototypes:
            learner = self.image if self.spec.teacher == "text" else self.text
            assert isinstance(learner.head, Head)
            assert isinstance(self.target.head, Head)
            self.target.head.follow(learner.head)

    def pictures(self, batch: DualBatch) -> Tensor:
        """Bytes, or stored features; UserError where a run reads the other kind."""
        found = batch.features if batch.pixels is None else batch.pixels
        assert found is not None
        return found

    def embed(self, side: Side, seen: Any, vector: str = "unit") -> Tensor:
        """(B, D) of length 1, before any layer of prototypes; "joint" are the same as they are,
        "tower" (B, W) before any head."""
        plain = side.plain(seen)
        if vector == "tower":
            return plain
        joint = plain if side.head is None else side.head.embed(plain)
        return joint if vector == "joint" else normalize(joint, dim=-1)

    def pairs(self, image: Tensor, text: Tensor, labels: Tensor | None) -> Pairs:
        """What the loss sees: of this process, or of all where it compares pairs."""
        learner, target = (image, text) if self.spec.teacher == "text" else (text, image)
        target = target.detach() if self.objective.directed else target
        scale = None if self.scale is None else self.scale.exp()
        return self.across(Pairs(learner, target, slice(0, len(learner)), labels, scale, self.bias))

    def compared(self, pairs: Pairs) -> Tensor:
        """The loss; of one pair alone nothing is learned where its spread among others counts."""
        if self.objective.spread and len(pairs.learner) == 1:
            return 0 * (pairs.learner.sum() + pairs.target.sum())
        value: Tensor = self.loss(pairs)
        return value

    def across(self, pairs: Pairs) -> Pairs:
        """Pairs of all processes, where the loss compares them."""
        if not self.objective.gathers:
            return pairs
        return together(pairs, self.spec.local_loss, self.spec.gather_with_grad)


def _joint(spec: DualSpec, images: Any, texts: Any) -> int:
    """D: as asked, else the width of the tower that has no head. UserError where they differ."""
    widths = {
        "image": spec.joint_projection_dim if _wants_head(spec, "image") else images.width,
        "text": spec.joint_projection_dim if _wants_head(spec, "text") else texts.width,
    }
    for side, other in (("image", "text"), ("text", "image")):
        if widths[side] is None:
            widths[side] = widths[other]
    if widths["image"] != widths["text"]:
        raise UserError(
            f"The image side is {widths['image']} wide and the text side {widths['text']}, so they "
            "cannot be compared. Set image_head_n_layers: 1, text_head_n_layers: 1 and "
            "joint_projection_dim, or choose towers of one width.",
            exit_code=3,
        )
    assert widths["image"] is not None
    return widths["image"]


def _wants_head(spec: DualSpec, side: str) -> bool:
    return bool(getattr(spec, f"{side}_head_n_layers"))


def _head(spec: DualSpec, side: str, tower: Any, joint: int) -> Head | None:
    layers = getattr(spec, f"{side}_head_n_layers")
    prototypes = spec.n_prototypes if OBJECTIVES[spec.loss].prototypes else 0
    if not layers and not prototypes:
        return None
    return Head(tower.width, joint, layers, spec.head_hidden_dim, prototypes)


def _enough(width: int, classes: Sequence[str]) -> None:
    if width < len(classes):
        raise UserError(
            f"CrossEntropy takes features for the scores of classes: there are {len(classes)} "
            f"classes and the common space has {width} numbers. Set joint_projection_dim: "
            f"{len(classes)} or more, with a head on both sides.",
            exit_code=3,
        )


def _place(name: str) -> str:
    """The part of a parameter: a tower, its head, or the scale."""
    side, _, rest = name.partition(".")
    if side in ("image", "text"):
        return f"{side} {'head' if rest.startswith('head.') else 'tower'}"
    return "scale"
