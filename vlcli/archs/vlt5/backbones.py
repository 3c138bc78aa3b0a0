"""The stock T5 and BART models: pretrained ones by name or folder, new ones of known shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    BartConfig,
    BartForConditionalGeneration,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from vlcli.contracts import Source
from vlcli.hush import hushed
from vlcli.spec.problem import UserError
from vlcli.spec.sizes import BACKBONES, Family, family_of
from vlcli.towers.fetching import fetched

# What the shapes in spec/sizes.py leave open: T5 head width d_kv, and the feed-forward width.
_T5_INNER = {
    "t5-tiny": (32, 256),
    "t5-small": (64, 2048),
    "t5-base": (64, 3072),
    "t5-large": (64, 4096),
    "t5-3b": (128, 16384),
    "t5-11b": (128, 65536),
}
_BART_INNER = {"bart-tiny": 512, "bart-base": 3072, "bart-large": 4096}

_KINDS: dict[Family, type[PreTrainedModel]] = {
    "t5": T5ForConditionalGeneration,
    "bart": BartForConditionalGeneration,
}
_FILES = ("config.json",)  # what a folder with a model holds


def known_config(name: str) -> T5Config | BartConfig | None:
    """The configuration of a standard shape ("t5-tiny", "facebook/bart-base"), without any file."""
    short = name.rsplit("/", 1)[-1]
    if short in _T5_INNER:
        size, (head, inner) = BACKBONES[short], _T5_INNER[short]
        return T5Config(
            vocab_size=size.vocabulary,
            d_model=size.width,
            d_kv=head,
            d_ff=inner,
            num_layers=size.layers,
            num_heads=size.heads,
            decoder_start_token_id=0,
        )
    if short in _BART_INNER:
        size, inner = BACKBONES[short], _BART_INNER[short]
        return BartConfig(
            vocab_size=size.vocabulary,
            d_model=size.width,
            encoder_layers=size.layers,
            decoder_layers=size.layers,
            encoder_attention_heads=size.heads,
            decoder_attention_heads=size.heads,
            encoder_ffn_dim=inner,
            decoder_ffn_dim=inner,
            max_position_embeddings=size.positions or 1024,
        )
    return None


def load_backbone(
    name: str, tokenizer: PreTrainedTokenizerBase, dropout: float, from_scratch: bool
) -> tuple[PreTrainedModel, Source | None]:
    """The stock model of a spec, its vocabulary as large as the tokenizer's, and where its weights
    can be had again (None for new ones).

    New rows of a pretrained vocabulary are drawn as published (N(0, 1) for T5, N(0, 0.02) for
    BART).
    """
    if from_scratch:
        return new_model(_config(name), tokenizer, dropout), None
    family = family_of(name)
    if name in ("t5-tiny", "bart-tiny"):
        raise UserError(
            f"{name} is a shape without pretrained weights; set from_scratch: true.", exit_code=3
        )
    if family is None:
        raise UserError(f"The backbone {name} is neither a T5 nor a BART model.", exit_code=3)
    try:
        with hushed("transformers.modeling_utils"):
            model: PreTrainedModel = fetched(
                _KINDS[family].from_pretrained,
                name,
                "backbone",
                _FILES,
                **_dropouts(family, dropout),
            )
    except SafetensorError as error:
        raise UserError(f"The weights of {name} are damaged: {error}.") from error
    _refuse_untied(name, model.config)
    rows = {name: len(value) for name, value in model.state_dict().items() if value.dim()}
    if model.config.vocab_size != len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return model, Source(name, getattr(model.config, "_commit_hash", None), rows)


def config_of(name: str) -> T5Config | BartConfig:
    """The configuration of a standard shape or of a folder; UserError where neither has it."""
    if known_config(name) is None and not Path(name).is_dir():
        known = ", ".join([*_T5_INNER, *_BART_INNER])
        raise UserError(
            f"The shape of {name} is not known without its files. Name a folder with its "
            f"config.json, or one of {known}."
        )
    config = _config(name)
    _refuse_untied(name, config)
    return config


def empty_model(config: T5Config | BartConfig, tokens: int) -> PreTrainedModel:
    """A model of a vocabulary of so many tokens on torch's default device, to be made where first
    weights are left out: its weights are tied all the same."""
    config.vocab_size = tokens
    model = _KINDS["t5" if isinstance(config, T5Config) else "bart"](config)
    model.tie_weights()  # left out with the first weights
    return model


def new_model(
    config: T5Config | BartConfig, tokenizer: PreTrainedTokenizerBase, dropout: float
) -> PreTrainedModel:
    """A model with fresh weights, its vocabulary and special tokens those of the tokenizer."""
    family: Family = "t5" if config.model_type == "t5" else "bart"
    config.update(
        {
            **_dropouts(family, dropout),
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        }
    )
    if isinstance(config, T5Config):
        config.decoder_start_token_id = tokenizer.pad_token_id
        return T5ForConditionalGeneration(config)
    config.update(
        {
            "bos_token_id": tokenizer.bos_token_id,
            "decoder_start_token_id": tokenizer.eos_token_id,
            "forced_eos_token_id": tokenizer.eos_token_id,
        }
    )
    return BartForConditionalGeneration(config)


def _refuse_untied(name: str, config: PretrainedConfig) -> None:
    if not config.tie_word_embeddings:
        raise UserError(
            f"{name} has an output layer of its own (T5 v1.1); VL-T5 needs a T5 v1.0 model such as "
            "t5-base.",
            exit_code=3,
        )


def _config(name: str) -> T5Config | BartConfig:
    config: PretrainedConfig | None = known_config(name)
    if config is None:
        config = fetched(AutoConfig.from_pretrained, name, "configuration", _FILES)
    if not isinstance(config, T5Config | BartConfig):
        raise UserError(f"The backbone {name} is neither a T5 nor a BART model.", exit_code=3)
    return config


def _dropouts(family: Family, dropout: float) -> dict[str, Any]:
    if family == "t5":
        return {"dropout_rate": dropout}
    return {"dropout": dropout, "attention_dropout": dropout, "activation_dropout": dropout}
