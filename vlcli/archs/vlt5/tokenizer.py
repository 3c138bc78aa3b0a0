"""Tokenizers of VL-T5 and VL-BART: loaded, trained from text, and given the visual tokens.

V is the number of tokens. The last 100 are <vis_extra_id_99> .. <vis_extra_id_0>, those before
<extra_id_99> .. <extra_id_0>, so that id(<vis_extra_id_i>) = V-1-i and id(<extra_id_i>) = V-101-i.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from vlcli.spec.problem import UserError
from vlcli.spec.sizes import Family
from vlcli.towers.fetching import fetched
from vlcli.towers.tokenizers import learned

from .wording import REGIONS, SENTINELS

# The names of the special tokens, in the order of their ids: those of the published tokenizers.
_SPECIAL: dict[Family, dict[str, str]] = {
    "t5": {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    "bart": {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    },
}

_FILES = ("tokenizer.json", "spiece.model", "vocab.json")  # a folder with one of these has one
LEARNED = 8000
LARGEST = LEARNED + len(SENTINELS) + len(REGIONS)  # the most tokens of a trained tokenizer


def has_tokenizer(folder: str) -> bool:
    return any((Path(folder) / file).is_file() for file in _FILES)


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub name or a folder, with the visual tokens at its end."""
    return extended(fetched(AutoTokenizer.from_pretrained, name, "tokenizer", _FILES))


def extended(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """Adds the sentinel tokens (BART has none) and the visual tokens where they are missing."""
    known = tokenizer.get_vocab()
    missing = [token for token in (*SENTINELS, *REGIONS) if token not in known]
    tokenizer.add_special_tokens(
        {"additional_special_tokens": missing}, replace_additional_special_tokens=False
    )
    last = tokenizer.convert_tokens_to_ids(REGIONS[-1])
    if last != len(tokenizer) - 1:
        raise UserError(
            f"The tokenizer has {REGIONS[-1]} at {last}, not at the end of its {len(tokenizer)} "
            "tokens, where boxes are looked up. Use one without visual tokens, or one that a "
            "VL-T5 run has saved.",
            exit_code=3,
        )
    return tokenizer


def train_tokenizer(
    texts: Iterable[str], family: Family, size: int = LEARNED
) -> PreTrainedTokenizerBase:
    """A byte-pair tokenizer of these texts with at most about `size` tokens beside the extra
    ones."""
    names = _SPECIAL[family]
    around = " ".join([*names.get("bos_token", "").split(), "$A", names["eos_token"]])
    return extended(learned(texts, names, around, size))


def tokenizer_for(
    name: str | None, backbone: str, family: Family, texts: Iterable[str]
) -> PreTrainedTokenizerBase:
    """What a spec's `tokenizer` asks for: "train", a name or folder, or null (the backbone's)."""
    if name == "train":
        return train_tokenizer(texts, family)
    return load_tokenizer(name or backbone)


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Writes what `load_tokenizer(str(folder))` reads."""
    tokenizer.save_pretrained(folder)
