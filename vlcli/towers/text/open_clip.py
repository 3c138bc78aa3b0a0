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

from vlcli.hub import hub_can_be_reached
from vlcli.spec.entries import nearest
from vlcli.spec.problem import UserError
from vlcli.towers.fetching import TOKENIZER_FILES, fetched, quiet

from .tower import TextTower, Tokens

FILE = "open_clip.json"  # in a run's tokenizer folder: of which architecture it is


class OpenClipTokenize:
    """Texts as the tokenizer of an architecture cuts them, with room for `prompt` vectors behind
    the start token; made anew in every process. One of transformers stands in `source`, or on the
    hub."""

    def __init__(self, name: str, prompt: int = 0, source: str | None = None) -> None:
        self.name, self.prompt, self.source = name, prompt, source
        self._made: Any = None

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`ids` (B, T), filled with zeros; where the prompt stands, the start token again."""
        if self._made is None:
            self._made = self._make()
        if not self.prompt:
            return {"ids": self._made(list(texts))}
        ids = self._made(list(texts), context_length=self._made.context_length - self.prompt)
        start = ids[:, :1]
        return {"ids": torch.cat([start, start.expand(-1, self.prompt), ids[:, 1:]], dim=1)}

    def _make(self) -> Any:
        text = open_clip.get_model_config(self.name)["text_cfg"]
        own = text.get("hf_tokenizer_name")
        if own is None:
            if self.source is not None:
                raise UserError(
                    f"open_clip's {self.name} has a tokenizer of its own. Remove tokenizer.",
                    exit_code=3,
                )
            return open_clip.get_tokenizer(self.name)

        def made(source: str, **_: Any) -> Any:
            return open_clip.tokenizer.HFTokenizer(
                source,
                context_length=text.get("context_length", 77),
                tokenizer_mode=text.get("tokenizer_mode"),
                **text.get("tokenizer_kwargs", {}),
            )

        with quiet(True):
            return fetched(made, self.source or own, "tokenizer", TOKENIZER_FILES)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self._made is None:
            self._made = self._make()
        here = hasattr(self._made, "tokenizer")
        if here:
            self._made.tokenizer.save_pretrained(folder)
        facts = {"name": self.name, "prompt": self.prompt, "here": here}
        (folder / FILE).write_text(json.dumps(facts) + "\n", encoding="utf-8")

    @classmethod
    def saved(cls, folder: Path) -> OpenClipTokenize:
        """The tokenizer that a run kept."""
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
        source = str(folder) if facts.get("here") else None
        return cls(facts["name"], facts.get("prompt", 0), source)

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
        self.scale = _number(model.logit_scale)
        self.bias = _number(getattr(model, "logit_bias", None))
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
        found = encode(tokens["ids"])
        pooled: Tensor = found[0] if isinstance(found, tuple) else found  # CoCa's have tokens too
        return pooled


def _number(held: Tensor | None) -> float | None:
    """None where there is none, or an outline alone."""
    return None if held is None or held.is_meta else held.item()


# In place of an image tower, where only the text tower is wanted and no weights are loaded.
NO_PICTURES = {"image_size": 16, "layers": 1, "width": 64, "head_width": 64, "patch_size": 16}


def hub_text(name: str) -> bool:
    """Whether the text tower of an architecture is one of transformers."""
    return "hf_model_name" in open_clip.get_model_config(name)["text_cfg"]


def tower(
    name: str, tag: str, pretrained: bool, prompt: int = 0, folder: str | None = None
) -> OpenClipTower:
    """The text side of an architecture, with the weights of a tag (empty: the first listed), and
    so many learned vectors behind the start token; the shape of one of transformers stands in
    `folder`, or on the hub."""
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
    facts = open_clip.get_pretrained_cfg(name, chosen or tag or next(iter(tags), ""))
    more: dict[str, Any] = {} if pretrained else {"vision_cfg": NO_PICTURES}
    if folder is not None:
        text = open_clip.get_model_config(name)["text_cfg"]
        more["text_cfg"] = {**text, "hf_model_name": folder, "hf_model_pretrained": False}
    try:
        with quiet(chosen is not None or hub_text(name)):
            model = open_clip.create_model(
                name,
                pretrained=chosen,
                pretrained_text=False,
                force_quick_gelu=bool(facts.get("quick_gelu")),
                device=torch.get_default_device(),
                **more,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(_lacking(name, chosen, error)) from error
    return OpenClipTower(name, model, prompt)


def _lacking(name: str, tag: str | None, error: Exception) -> str:
    why = str(error).splitlines()[0].rstrip(".")
    if not hub_can_be_reached():
        why = "they are not on this machine, nor is a network"
    if tag is not None:
        return f"The pretrained weights {tag} of open_clip's {name} cannot be had: {why}."
    return (
        f"The configuration of the text tower of open_clip's {name} cannot be had: {why}. Set "
        "tokenizer to the folder of its text model."
    )
