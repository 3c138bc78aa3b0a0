"""From visual features and boxes to tokens of the joint encoder.

B batch, N visual tokens (those of several pictures in a row), F feature width, D model width,
k tokens made of one feature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel

from vlcli.spec.groups.visual_embedding import VisualEmbeddingArgs

PICTURES = 2  # rows of the picture-order table: no published task has more pictures


class VisualTokens(NamedTuple):
    """What a batch shows: features (B, N, F), boxes (B, N, 4) as x1, y1, x2, y2 in [0, 1].

    `mask` (B, N) is true for what is there; None means all of it. `picture_ids` and `box_ids`
    (B or 1, N) number pictures and the boxes of each; None means one picture, boxes 0 .. N-1.

    `pixels` (B, P, H, W, 3) are bytes of the P pictures of each example, for the image tower that
    makes the features; boxes are then the regions to look at, (B, P M, 4) with M of a picture and
    their mask. Of a picture without any, the tower's whole grid is looked at. `shown` (B, P) is
    false for a picture that an example lacks; None means that none is lacking.
    """

    features: Tensor
    boxes: Tensor
    mask: Tensor | None = None
    picture_ids: Tensor | None = None
    box_ids: Tensor | None = None
    pixels: Tensor | None = None
    shown: Tensor | None = None


class VisualEmbedding(nn.Module):
    """Features + boxes + picture number + box number -> (B, N, D); Cho et al. 2021, section 3.1.

    `norm` makes a layer norm of a width (RMS for T5), `words` is the word embedding whose last rows
    <vis_extra_id_i> (row V-1-i) name the boxes, `layers` counts further layers (T5 only).
    """

    def __init__(
        self,
        args: VisualEmbeddingArgs,
        feature_width: int,
        words: nn.Embedding,
        norm: Callable[[int], nn.Module],
        between: nn.Module | None = None,
        layers: int = 0,
    ) -> None:
        super().__init__()
        width = words.embedding_dim
        each = args.use_vis_layer_norm and args.individual_vis_layer_norm
        normed = [norm] if each else []
        features: list[nn.Module] = [nn.Linear(feature_width, width)]
        features += [between] if between is not None else []
        features += [make(width) for make in normed]
        for _ in range(layers):
            features += [nn.Linear(width, width), nn.ReLU(), *(make(width) for make in normed)]
        self.feat_embedding = nn.Sequential(*features)
        self.absolute_vis_pos_embedding = nn.Sequential(
            nn.Linear(args.pos_dim + 1, width), *(make(width) for make in normed)
        )
        if args.use_vis_order_embedding:
            self.obj_order_embedding = words
            self.img_order_embedding = nn.Embedding(PICTURES, width)
        self.layer_norm = norm(width) if args.use_vis_layer_norm and not each else None
        self.numbered = args.use_vis_order_embedding
        self.area = legacy_area if args.legacy_area else box_area

    def forward(self, visual: VisualTokens) -> Tensor:
        boxes_BN5 = torch.cat([visual.boxes, self.area(visual.boxes)[..., None]], dim=-1)
        tokens_BND: Tensor = self.feat_embedding(visual.features)
        tokens_BND = tokens_BND + self.absolute_vis_pos_embedding(boxes_BN5)
        if self.numbered:
            tokens_BND = tokens_BND + self.numbers(visual)
        return self.layer_norm(tokens_BND) if self.layer_norm is not None else tokens_BND

    def numbers(self, visual: VisualTokens) -> Tensor:
        """Embeddings of the picture's and the box's number, (B or 1, N, D)."""
        n, device = visual.features.shape[1], visual.features.device
        pictures, boxes = visual.picture_ids, visual.box_ids
        if pictures is None:
            pictures = torch.zeros(1, n, dtype=torch.long, device=device)
        if boxes is None:
            boxes = torch.arange(n, device=device)[None]
        named: Tensor = self.img_order_embedding(pictures) + self.box_names(boxes)
        return named

    def box_names(self, boxes: Tensor) -> Tensor:
        """Box numbers (...) -> (..., D): unscaled word embeddings from the end, V-1-i for i."""
        rows = self.obj_order_embedding.weight
        return functional.embedding(len(rows) - 1 - boxes, rows)


class ExpandVisualEmbedding(VisualEmbedding):
    """One pooled feature -> k tokens: the embedding is k times as wide and is cut into k (BART)."""

    def __init__(
        self,
        args: VisualEmbeddingArgs,
        feature_width: int,
        words: nn.Embedding,
        norm: Callable[[int], nn.Module],
    ) -> None:
        self.k = args.n_image_tokens
        wide = nn.Embedding(args.n_boxes, self.k * words.embedding_dim)
        super().__init__(args, feature_width, wide, norm)

    def forward(self, visual: VisualTokens) -> Tensor:
        wide_B1W = super().forward(visual)
        if wide_B1W.shape[1] != 1:
            raise ValueError(f"expand_vis_embedding takes one feature, not {wide_B1W.shape[1]}.")
        return wide_B1W.reshape(len(wide_B1W), self.k, -1)

    def box_names(self, boxes: Tensor) -> Tensor:
        """From a table of its own, read from the front."""
        rows: Tensor = self.obj_order_embedding(boxes)
        return rows


class VisualTransformer(nn.Module):
    """Two BERT layers of 12 heads over the projected features (B, N, D) (BART)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bert_module = BertModel(
            BertConfig(vocab_size=1, hidden_size=width, num_hidden_layers=2, num_attention_heads=12)
        )

    def forward(self, features: Tensor) -> Tensor:
        states: Tensor = self.bert_module(inputs_embeds=features).last_hidden_state
        return states


def legacy_area(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...): the published formula, meant for x1, x2, y1, y2 but fed x1, y1, x2, y2."""
    return (boxes[..., 3] - boxes[..., 2]) * (boxes[..., 1] - boxes[..., 0])


def box_area(boxes: Tensor) -> Tensor:
    """(..., 4) -> (...): width x height."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
