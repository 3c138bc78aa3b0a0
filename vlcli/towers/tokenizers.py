"""Tokenizers learned from the texts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tokenizers import (  # type: ignore[import-untyped]
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


def learned(
    texts: Iterable[str], names: Mapping[str, str], around: str, size: int
) -> PreTrainedTokenizerBase:
    """A byte-pair tokenizer of these texts with at most about `size` tokens. `names` are its
    special tokens in the order of their ids ("pad_token": "<pad>"); `around` says where they stand
    about a text, such as "$A </s>".

    It works on bytes, so every text can be written and comes back from `decode` exactly (but for
    one space in front); words that occur twice become single tokens while there is room. A word is
    the same token at the beginning of a text as within it.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(names.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around,
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in names.values()],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        add_prefix_space=True,  # transformers would switch it off again
        **names,
    )
