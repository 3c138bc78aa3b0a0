"""Captions cut into words as the COCO evaluation does: Penn Treebank, lower case, no punctuation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from nltk.tokenize.treebank import TreebankWordTokenizer

from .java import ptb_lines

# What the COCO evaluation drops after tokenizing.
PUNCTUATION = frozenset(
    "'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;".split()
    + ["-lrb-", "-rrb-", "-lcb-", "-rcb-"]  # as they come out in lower case
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_SENTENCE_END = re.compile(r"(?<=[\w\"')])\.(?=\s+\S)")
_SLASHED = re.compile(r"(?<=[^\W\d])/(?=[^\W\d])")
PYTHON, JAVA = "treebank", "ptb"


class Tokenizer(Protocol):
    name: str

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Each text as words joined by single spaces."""
        ...


class Treebank:
    """nltk's Treebank tokenizer with the clean-up of the COCO evaluation; close to, and not in
    every corner equal to, the Java one."""

    name = "treebank (Python)"

    def __init__(self) -> None:
        self._words = TreebankWordTokenizer()

    def cut(self, texts: Sequence[str]) -> list[str]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> str:
        plain = _SENTENCE_END.sub(" .", " ".join(text.lower().split()))
        words = (_BRACKETS.get(word, word) for word in self._words.tokenize(plain))
        return " ".join(word for word in words if word not in PUNCTUATION)


class Stanford:
    """The Java tokenizer that pycocoevalcap carries."""

    name = "ptb (Java)"

    def cut(self, texts: Sequence[str]) -> list[str]:
        return [
            " ".join(word for word in line.split() if word not in PUNCTUATION)
            for line in ptb_lines([" ".join(text.split()) for text in texts])
        ]


TOKENIZERS: dict[str, type[Tokenizer]] = {PYTHON: Treebank, JAVA: Stanford}


def chosen(name: str) -> Tokenizer:
    return TOKENIZERS[name]()
