"""Text encoders of open_clip.

B texts, T tokens, P vectors of a prompt, W width.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn

from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError

from .tower import TextTower, Tokens

FILE = "open_clip.json"  # in a run's tokenizer folder: of which architecture it is


class OpenClipTokenize:
    """Texts as the tokenizer of an architecture cuts them, with room for `prompt` vectors behind
    the start token; made anew in every process."""

    def __init__(self, name: str, prompt: int = 0) -> None:
        self.name, self.prompt = name, prompt
        self._made: Any = None

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`ids` (B, T), filled with zeros; where the prompt stands, the start token again."""
        if self._made is None:
            self._made = open_clip.get_tokenizer(self.name)
        if not self.prompt:
            return {"ids": self._made(list(texts))}
        ids = self._made(list(texts), context_length=self._made.context_length - self.prompt)
        start = ids[:, :1]
        return {"ids": torch.cat([start, start.expand(-1, self.prompt), ids[:, 1:]], dim=1)}

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"name": self.name, "prompt": self.prompt}
        (folder / FILE).write_text(json.dumps(facts) + "\n", encoding="utf-8")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_made": None}


class Prompt(nn.Module):
    """P learned vectors (CoOp, Zhou et al. 2022), the same for all texts, in the place of the
    embeddings of tokens 1 to P."""

    def __init__(self, many: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(many, width).normal_(std=0.02))

    def put(self, embedding: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        """A forward hook of the embedding of tokens: (B, T, W) with the prompt in it."""
        vectors = self.vectors.to(output.dtype).expand(len(output), -1, -1)
        rest = output[:, 1 + len(self.vectors) :]
        return torch.cat([output[:, :1], vectors, rest], dim=1)


class OpenClipTower(TextTower):
    """The text side of a CLIP: its image side is left out. With a prompt of `prompt` vectors it
    reads the tokens of a tokenizer with room for them."""

    def __init__(self, name: str, model: Any, prompt: int = 0) -> None:
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
        self.prompt = self._prompt(prompt) if prompt else None

    def _prompt(self, many: int) -> Prompt:
        """Learned vectors behind the start token; UserError where there is no room for them."""
        text: Any = self.text
        embedding = getattr(text, "token_embedding", None)
        if embedding is None:
            raise UserError(
                f"The text tower of {self.name} is one of transformers, which takes no n_prompt. "
                "Remove it, or choose another architecture of open_clip.",
                exit_code=3,
            )
        if many > text.context_length - 2:
            raise UserError(
                f"n_prompt is {many}, and {self.name} reads {text.context_length} tokens with the "
                "first and the last. Lower it.",
                exit_code=3,
            )
        prompt = Prompt(many, embedding.embedding_dim)
        embedding.register_forward_hook(prompt.put)
        return prompt

    def forward(self, tokens: Tokens) -> Tensor:
        text: Any = self.text
        encode = getattr(text, "encode_text", text)
        found: Tensor = encode(tokens["ids"])
        return found


def tower(name: str, tag: str, pretrained: bool, prompt: int = 0) -> OpenClipTower:
    """The text side of an architecture, with the weights of a tag (empty: the first listed), and
    so many learned vectors behind the start token."""
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
    return OpenClipTower(name, model, prompt)
