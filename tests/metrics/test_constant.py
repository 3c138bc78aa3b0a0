"""CIDEr of one caption for all pictures, against pycocoevalcap's."""

from __future__ import annotations

import random

import pytest
from pycocoevalcap.cider.cider import Cider

from vlcli.metrics.constant import Constants

WORDS = ["a", "red", "dog", "runs", "on", "grass", "two", "small"]


@pytest.mark.parametrize("pictures", [1, 2, 40])
def test_parity_with_cider_for_one_caption_of_all_pictures(pictures: int) -> None:
    rng = random.Random(pictures)

    def caption() -> str:
        return " ".join(rng.choices(WORDS, k=rng.randint(1, 9)))

    right = {n: [caption() for _ in range(rng.randint(1, 5))] for n in range(pictures)}
    constants = Constants(list(right.values()))
    for said in [*(caption() for _ in range(20)), "", "unseen words", right[0][0]]:
        theirs, _ = Cider().compute_score(right, {n: [said] for n in right})
        assert constants.cider(said) == pytest.approx(float(theirs), abs=1e-9)
