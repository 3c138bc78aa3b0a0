"""What a model's ids say: texts, tokens by their name, and the boxes that they speak of."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from vlcli.contracts import Box

from .decoding import AnswerTrie
from .visual_embedding import VisualTokens
from .wording import MARK, MARKS, REGION_NUMBER


class Spelling:
    """Ids as text, by a tokenizer; with an answer list (`trie`), in the listed spelling."""

    def __init__(self, tokenizer: Any, trie: AnswerTrie | None = None) -> None:
        self.tokenizer: PreTrainedTokenizerBase = tokenizer
        self.trie = trie

    def texts(self, ids: Tensor) -> list[str]:
        """Of generated ids (B, T)."""
        rows = ids[:, 1:].tolist()
        plain = self.tokenizer.batch_decode(rows, skip_special_tokens=True)
        if self.trie is None:
            return [text.strip() for text in plain]
        return [self.trie.text(row) or text for row, text in zip(rows, plain, strict=True)]

    def marked(self, ids: Tensor) -> list[str]:
        """The same with the sentinels and regions that they name."""
        tokenizer = self.tokenizer
        marks = [token for token in tokenizer.get_added_vocab() if token.startswith(MARKS)]
        gone = set(tokenizer.all_special_ids) - set(tokenizer.convert_tokens_to_ids(marks))
        rows = [[token for token in row if token not in gone] for row in ids[:, 1:].tolist()]
        texts = tokenizer.batch_decode(rows, spaces_between_special_tokens=True)
        return [" ".join(MARK.sub(r" \g<0> ", text).split()) for text in texts]

    def token(self, token: int) -> str:
        """A token as text; special ones by their name."""
        name = self.tokenizer.convert_ids_to_tokens(token)
        special = name in self.tokenizer.get_added_vocab()
        return str(name) if special else self.tokenizer.decode([token]).strip()


def box_named(text: str, visual: VisualTokens | None, row: int) -> Box | None:
    """The box of a region that an answer names, where there is such a box."""
    number = REGION_NUMBER.get(text)
    if number is None or visual is None or number >= visual.boxes.shape[1]:
        return None
    if visual.mask is not None and not visual.mask[row, number]:
        return None
    x1, y1, x2, y2 = visual.boxes[row, number].tolist()
    return x1, y1, x2, y2
