"""What words alone leave open: measures of how much only a picture can tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
_EDGE = "|"


def renderings_share(judged: Sequence[Record], everything: Sequence[Record]) -> float:
    """The share of the `judged` records of mmt whose English has more than one German rendering in
    `everything`: what no translator can get right every time without the picture."""
    german: dict[str, set[str]] = defaultdict(set)
    for record in everything:
        german[record["text"]].update(record["answers"])
    return sum(len(german[record["text"]]) > 1 for record in judged) / len(judged)


def masked_share(train: Sequence[Record], judged: Sequence[Record]) -> float:
    """The share of the words of the `judged` captions that a guess from the text misses.

    Each word is masked in turn, and the guess is the training word that stood most often between
    the same two words before and two after; where these never stood so, between the same word
    before and after; else after the same word; else the most frequent one. A better reader of
    the text would miss fewer, so this is an upper bound of what only the picture tells, and close
    to it where captions are short.
    """
    seen: dict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    for word, contexts in _words(train):
        for context in contexts:
            seen[context][word] += 1
    usual = {context: words.most_common(1)[0][0] for context, words in seen.items()}
    missed = total = 0
    for word, contexts in _words(judged):
        guess = next(usual[context] for context in contexts if context in usual)
        missed += guess != word
        total += 1
    return missed / total


def _words(records: Sequence[Record]) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """Every word of every caption, and what stands around it from much to nothing."""
    for record in records:
        for caption in record["captions"]:
            words = [_EDGE, _EDGE, *caption.replace(",", " ,").replace(":", " :").split()]
            words += [_EDGE, _EDGE]
            for i in range(2, len(words) - 2):
                near, far = (words[i - 1], words[i + 1]), (words[i - 2], words[i + 2])
                yield words[i], [(2, near, far), (1, near), (0, words[i - 1]), ()]
