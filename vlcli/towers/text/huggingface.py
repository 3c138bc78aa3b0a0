"""Text encoders of Hugging Face transformers: pretrained ones, and new ones of known shapes.

B texts, T tokens, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertConfig,
    GPT2Config,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    RobertaConfig,
    T5Config,
    T5EncoderModel,
)

from vlcli.hush import hushed
from vlcli.spec.problem import UserError
from vlcli.towers.fetching import TOKENIZER_FILES, fetched
from vlcli.towers.tokenizers import learned

from .pooling import POOLERS, at
from .tower import TextTower, Tokens

LEARNED = 8000  # tokens of a learned tokenizer, at most about
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def _bert(width: int, layers: int, heads: int) -> Callable[[], PretrainedConfig]:
    return lambda: BertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
    )


# Shapes of models that can begin at random without any file.
SHAPES: dict[str, Callable[[], PretrainedConfig]] = {
    "bert-tiny": _bert(128, 2, 2),
    "bert-mini": _bert(256, 4, 4),
    "bert-small": _bert(512, 4, 8),
    "bert-base-uncased": BertConfig,
    "roberta-base": lambda: RobertaConfig(max_position_embeddings=514, type_vocab_size=1),
    "gpt2-tiny": lambda: GPT2Config(n_embd=128, n_layer=2, n_head=2),
    "gpt2": GPT2Config,
    "t5-tiny": lambda: T5Config(d_model=128, d_kv=32, d_ff=256, num_layers=2, num_heads=4),
    "t5-small": T5Config,
}


class HuggingFaceTokenize:
    """Texts as one of transformers' tokenizers cuts them, at most `longest` tokens each."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        self.tokenizer, self.longest = tokenizer, longest

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """`ids` and `mask` (B, T)."""
        found = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.longest,
            padding=True,
            return_tensors="pt",
        )
        return {"ids": found["input_ids"], "mask": found["attention_mask"]}

    def save(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)


class HuggingFaceTower(TextTower):
    """`pooler` is a name of POOLERS, or cls, the model's own; of encoder-decoders the encoder
    reads. Learned tokens that stand from place `prompt[0]` to `prompt[1]` among those of a text
    are left out of what is pooled."""

    def __init__(
        self, name: str, model: Any, pooler: str, prompt: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.name, self.pooler, self.prompt = name, pooler, prompt
        if hasattr(model, "decoder"):
            model = model.get_encoder()
        own: Any = getattr(model, "pooler", None)
        if pooler == "cls" and own is None:
            raise UserError(
                f'{name} has no pooler of its own, which text_pooler: "cls" asks for. Set '
                'text_pooler: "mean", "cls_before_pooler" or "last".',
                exit_code=3,
            )
        if pooler != "cls" and own is not None:
            model.pooler = None  # else it would be left without a gradient
        elif pooler == "cls" and prompt is not None:
            if model.config.model_type == "albert":
                raise UserError(
                    "ALBERT pools the first token, which prompt_tuning moves. Set text_pooler: "
                    '"mean" or "cls_before_pooler".',
                    exit_code=3,
                )
            own.register_forward_pre_hook(lambda pooler, states: (self.plain(states[0]),))
        self.model = model
        self.width = model.config.hidden_size

    def forward(self, tokens: Tokens) -> Tensor:
        model: Any = self.model
        found = model(input_ids=tokens["ids"], attention_mask=tokens["mask"])
        if self.pooler == "cls":
            pooled: Tensor = found.pooler_output
            return pooled
        return POOLERS[self.pooler](self.plain(found.last_hidden_state), tokens["mask"])

    def plain(self, states: Tensor) -> Tensor:
        """States (B, T, W) of the tokens of the texts alone."""
        if self.prompt is None:
            return states
        first, behind = self.prompt
        return torch.cat([states[:, :first], states[:, behind:]], dim=1)


WORDINGS = ('The sentence of "{}"', 'This sentence : "{}"')  # of BERT; predictions take the first
OTHER_WORDINGS = ("This sentence : '{}'", "The sentence : '{}'")


class PromptTokenize(HuggingFaceTokenize):
    """Each text in a sentence that ends in a mask, in the two wordings of PromptBERT (Jiang et al.
    2022); a text is cut first, and the sentence around it is not."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, longest: int) -> None:
        super().__init__(tokenizer, longest)
        mask = tokenizer.mask_token
        if mask is None:
            raise UserError(
                'This tokenizer has no mask token, which text_pooler: "PromptBERT" asks for. '
                'Set text_pooler: "mean".',
                exit_code=3,
            )
        held = WORDINGS if mask == "[MASK]" else OTHER_WORDINGS
        self.wordings = tuple(f"{each} means {mask}." for each in held)

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """By wording n: ids_n and mask_n (B, T), place_n (B) of the mask; empty_n (B, E) and
        hole_n (B), the same of the sentence about nothing; `lengths` (B) of the cut texts."""
        cut = self.tokenizer(list(texts), truncation=True, max_length=self.longest)["input_ids"]
        plain = self.tokenizer.batch_decode(cut, skip_special_tokens=True)
        found: dict[str, Tensor] = {"lengths": torch.tensor([len(each) for each in cut])}
        for n, wording in enumerate(self.wordings):
            held = self._read([wording.format(text) for text in plain])
            nothing = self._read([wording.format(" ")])
            found |= {f"ids_{n}": held["input_ids"], f"mask_{n}": held["attention_mask"]}
            found[f"place_{n}"] = self._place(held["input_ids"])
            found[f"empty_{n}"] = nothing["input_ids"].expand(len(texts), -1)
            found[f"hole_{n}"] = self._place(nothing["input_ids"]).expand(len(texts))
        return found

    def _read(self, texts: list[str]) -> Any:
        return self.tokenizer(texts, padding=True, return_tensors="pt")

    def _place(self, ids: Tensor) -> Tensor:
        return (ids == self.tokenizer.mask_token_id).int().argmax(1)


BEFORE = 5  # tokens of the sentence in front of the text, whose positions stay


class PromptTower(HuggingFaceTower):
    """The state of the mask, less that of the sentence about nothing whose later tokens stand where
    they would behind the text. In training one of the two wordings is drawn for each batch."""

    def forward(self, tokens: Tokens) -> Tensor:
        n = int(torch.rand(()) < 0.5) if self.training else 0
        model: Any = self.model
        states = model(input_ids=tokens[f"ids_{n}"], attention_mask=tokens[f"mask_{n}"])
        with torch.no_grad():
            empty = tokens[f"empty_{n}"]
            places = torch.arange(empty.shape[1], device=empty.device).repeat(len(empty), 1)
            places[:, BEFORE:] += tokens["lengths"][:, None]
            nothing = model(input_ids=empty, position_ids=places)
        said = at(self.plain(states.last_hidden_state), tokens[f"place_{n}"])
        return said - at(self.plain(nothing.last_hidden_state), tokens[f"hole_{n}"])


def tokenize(tokenizer: PreTrainedTokenizerBase, longest: int, pooler: str) -> HuggingFaceTokenize:
    kind = PromptTokenize if pooler == "PromptBERT" else HuggingFaceTokenize
    return kind(tokenizer, longest)


def model(
    name: str,
    pretrained: bool,
    tokenizer: PreTrainedTokenizerBase | None = None,
    dropout: float | None = None,
) -> Any:
    """The model `name` (a hub name, a folder, or a key of SHAPES), with its pretrained weights or
    new ones, which may be for the tokens of another tokenizer; of T5 the encoder alone."""
    with hushed("transformers"):
        config = _config(name)
        if dropout is not None:
            _drop(config, dropout)
        kind: Any = T5EncoderModel if config.model_type == "t5" else AutoModel
        if pretrained:
            made = fetched(
                kind.from_pretrained, name, "text model", ("config.json",), config=config
            )
        else:
            if tokenizer is not None:
                _fit(config, tokenizer)
            made = kind._from_config(config) if kind is T5EncoderModel else kind.from_config(config)
    return made


def tower(
    name: str, model: Any, pooler: str, prompt: tuple[int, int] | None = None
) -> HuggingFaceTower:
    """A model as a text tower; `prompt` says where learned tokens stand."""
    kind = PromptTower if pooler == "PromptBERT" else HuggingFaceTower
    return kind(name, model, pooler, prompt)


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub name or a folder; one without padding pads with its last token."""
    found: PreTrainedTokenizerBase = fetched(
        AutoTokenizer.from_pretrained, name, "tokenizer", TOKENIZER_FILES
    )
    if found.pad_token is None:
        found.pad_token = found.eos_token
    return found


def learned_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerBase:
    return learned(texts, SPECIAL, "[CLS] $A [SEP]", LEARNED)


def _config(name: str) -> PretrainedConfig:
    if name in SHAPES and not Path(name).is_dir():
        return SHAPES[name]()
    found: PretrainedConfig = fetched(
        AutoConfig.from_pretrained, name, "text model", ("config.json",)
    )
    return found


def _fit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a configuration the tokens of a tokenizer."""
    config.vocab_size = len(tokenizer)
    for key in ("pad_token_id", "bos_token_id", "eos_token_id"):
        own = getattr(tokenizer, key, None)
        if getattr(config, key, None) is not None or key == "pad_token_id":
            setattr(config, key, own)


_DROPOUTS = (
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "resid_pdrop", "embd_pdrop"),
    *("attn_pdrop", "dropout_rate", "dropout", "attention_dropout"),
)


def dropouts(config: Mapping[str, Any], share: float) -> dict[str, float]:
    """Dropout of states and attention, by whatever names a family has for it."""
    return {key: share for key in _DROPOUTS if isinstance(config.get(key), float | int)}


def _drop(config: PretrainedConfig, share: float) -> None:
    for key, value in dropouts(vars(config), share).items():
        setattr(config, key, value)
