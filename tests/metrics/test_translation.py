"""BLEU of translations, against its definition and sacrebleu's own function."""

from __future__ import annotations

import math

import pytest
import sacrebleu

from vlcli.metrics.translation import best_translation, bleu, signature

SAID = ["der Hund beißt den Mann .", "Es war nicht unerwartet ."]
RIGHT = [["Der Hund biss den Mann ."], ["Es war nicht ganz unerwartet ."]]


def test_bleu_is_what_one_counts_by_hand() -> None:
    """11 words against 12; of 1 to 4 words in a row 10/11, 6/9, 2/7 and 0/5 are right, and none
    counts as a half."""
    shares = [10 / 11, 6 / 9, 2 / 7, 0.5 / 5]
    brevity = math.exp(1 - 12 / 11)
    by_hand = 100 * brevity * math.prod(shares) ** (1 / 4)
    assert bleu(SAID, RIGHT) == pytest.approx(by_hand)


def test_bleu_is_the_published_call() -> None:
    theirs = sacrebleu.corpus_bleu(SAID, [[each[0] for each in RIGHT]], lowercase=True)
    assert bleu(SAID, RIGHT) == theirs.score


def test_any_reference_may_agree() -> None:
    assert bleu(["Ein Hund rennt weg ."], [["Nein .", "ein hund rennt weg ."]]) == pytest.approx(
        100
    )
    uneven = bleu(SAID, [RIGHT[0], [*RIGHT[1], SAID[1]]])
    assert uneven > bleu(SAID, RIGHT)


def test_the_best_constant_says_what_sentences_share() -> None:
    right = [["Ein Hund rennt im Gras ."]] * 4 + [["Zwei Männer ."]]
    said = ["Zwei Männer .", "Ein Hund rennt im Gras .", "Ein Hund ."]
    assert best_translation(said, right) == "Ein Hund rennt im Gras ."


def test_its_settings_are_told() -> None:
    assert signature().startswith("nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:")
