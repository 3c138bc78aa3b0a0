"""CIDEr of captions that are said of every picture alike, many in a blink.

R references (of all pictures), 4 lengths of n-grams.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from pycocoevalcap.cider.cider_scorer import precook  # type: ignore[import-untyped]

LONGEST = 4  # words of an n-gram
SIGMA = 6.0  # how fast a caption of another length than its reference loses
Gram = tuple[str, ...]


class Constants:
    """The same number as pycocoevalcap's Cider for one caption said of all pictures.

    That weighs all references anew for each caption; here they are weighed once, and a caption
    looks up its own n-grams. References and captions are words joined by spaces.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        self.pictures = len(references)
        cooked = [[precook(text, LONGEST) for text in texts] for texts in references]
        self.seen = Counter(
            gram for texts in cooked for gram in {g for text in texts for g in text}
        )
        flat = [text for texts in cooked for text in texts]
        self.length_R = np.array([_length(text) for text in flat], dtype=float)
        self.share_R = np.array([1 / len(texts) for texts in cooked for _ in texts])
        self.norm_4R = np.zeros((LONGEST, len(flat)))
        found: dict[Gram, list[tuple[int, float]]] = defaultdict(list)
        for row, text in enumerate(flat):
            for gram, weight in self._weighed(text).items():
                found[gram].append((row, weight))
                self.norm_4R[len(gram) - 1, row] += weight**2
        self.norm_4R = np.sqrt(self.norm_4R)
        self.found = {
            gram: (np.array([row for row, _ in each]), np.array([weight for _, weight in each]))
            for gram, each in found.items()
        }

    def cider(self, caption: str) -> float:
        """CIDEr of this caption for every picture."""
        cooked = precook(caption, LONGEST)
        shared_4R = np.zeros_like(self.norm_4R)
        norm_4 = np.zeros(LONGEST)
        for gram, weight in self._weighed(cooked).items():
            norm_4[len(gram) - 1] += weight**2
            if gram in self.found:
                rows, theirs = self.found[gram]
                shared_4R[len(gram) - 1, rows] += np.minimum(weight, theirs) * theirs
        norms_4R = np.sqrt(norm_4)[:, None] * self.norm_4R
        like_4R = np.divide(shared_4R, norms_4R, out=shared_4R, where=norms_4R != 0)
        longer_R = _length(cooked) - self.length_R
        like_R = like_4R.mean(0) * np.exp(-(longer_R**2) / (2 * SIGMA**2))
        return float(10 * (like_R * self.share_R).sum() / self.pictures)

    def _weighed(self, cooked: dict[Gram, int]) -> dict[Gram, float]:
        """tf-idf; an n-gram that no picture has counts as one of a single picture."""
        return {
            gram: count * math.log(self.pictures / max(1, self.seen[gram]))
            for gram, count in cooked.items()
        }


def _length(cooked: dict[Gram, int]) -> int:
    """Cider's length of a caption: how many pairs of words it has."""
    return sum(count for gram, count in cooked.items() if len(gram) == 2)
