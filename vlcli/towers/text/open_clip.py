"""Text encoders of open_clip.

B texts, T tokens, W width.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor

from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError

from .tower import TextTower, Tokens

FILE = "open_clip.json"  # in a run's tokenizer folder: of which architecture it is


class OpenClipTokenize:
    """Texts as the tokenizer of an architecture cuts them; made anew in every process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._made: Any = None

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`ids` (B, T), filled with zeros."""
        if self._made is None:
            self._made = open_clip.get_tokenizer(self.name)
        return {"ids": self._made(list(texts))}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps({"name": self.name}) + "\n", encoding="utf-8")

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "_made": None}


class OpenClipTower(TextTower):
    """The text side of a CLIP: its image side is left out."""

    def __init__(self, name: str, model: Any) -> None:
        super().__init__()
        self.name = name
        if hasattr(model, "text"):  # CustomTextCLIP
            self.text = model.text
            self.width = int(model.text.output_dim)
        else:
            model.visual = None
            self.text = model
            projection = model.text_projection
            self.width = int(
                projection.out_features
                if isinstance(projection, torch.nn.Linear)
                else projection.shape[1]
            )
        self.scale, self.bias = model.logit_scale.item(), None
        if getattr(model, "logit_bias", None) is not None:
            self.bias = model.logit_bias.item()
        if self.text is model:  # the architecture holds its own
            del model.logit_scale
            if hasattr(model, "logit_bias"):
                del model.logit_bias

    def forward(self, tokens: Tokens) -> Tensor:
        text: Any = self.text
        encode = getattr(text, "encode_text", text)
        found: Tensor = encode(tokens["ids"])
        return found


def tower(name: str, tag: str, pretrained: bool) -> OpenClipTower:
    """The text side of an architecture, with the weights of a tag (empty: the first listed)."""
    known = open_clip.list_models()
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {len(known)} others."
        raise UserError(f'open_clip has no architecture "{name}". {hint}', exit_code=3)
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained and (tag or "") not in ("", *tags):
        held = ", ".join(tags) or "none"
        raise UserError(f'open_clip has no weights "{tag}" of {name}. It has {held}.', exit_code=3)
    chosen = (tag or next(iter(tags), None)) if pretrained else None
    if pretrained and chosen is None:
        raise UserError(
            f"open_clip has no pretrained weights of {name}. Remove pretrained_text_model.",
            exit_code=3,
        )
    try:
        model = open_clip.create_model(name, pretrained=chosen)
    except (OSError, RuntimeError, ValueError) as error:
        if chosen is None:
            raise
        first = str(error).splitlines()[0]
        raise UserError(
            f"The pretrained weights of open_clip's {name} cannot be had ({first})."
        ) from error
    return OpenClipTower(name, model)
