"""Captions cut into words like the COCO evaluation: Penn Treebank, lower case, no punctuation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from nltk.tokenize.treebank import TreebankWordTokenizer  # type: ignore[import-untyped]

from .java import has_java, ptb_lines

# What the COCO evaluation drops after tokenizing. (Its list has -LRB- and the like too, which stay
# in the text: the tokenizer has put them in lower case by then.)
PUNCTUATION = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_SENTENCE_END = re.compile(r"(?<=[\w\"')])(?<!\b\w)(?<!\b[djms]r)(?<!\bmrs)\.(?=\s+\S)")
_TREEBANK = TreebankWordTokenizer()
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

    def cut(self, texts: Sequence[str]) -> list[str]:
        return [_treebank_words(text) for text in texts]


@lru_cache(maxsize=100_000)  # the references of a validation come back after every epoch
def _treebank_words(text: str) -> str:
    plain = _SENTENCE_END.sub(" .", " ".join(text.lower().split()))
    words = (_BRACKETS.get(word, word) for word in _TREEBANK.tokenize(plain))
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


def best_here() -> str:
    """The name of the tokenizer that published scores are made with where it runs, else of ours."""
    return JAVA if has_java() else PYTHON


def chosen(name: str) -> Tokenizer:
    return TOKENIZERS[name]()
