"""The official VQA accuracy: an answer against those of ten people, after its normalisation.

To the letter of the public evaluation program, quirks included, so that numbers compare with
published ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .contractions import CONTRACTIONS

PEOPLE = 10
_PUNCTUATION = ';/[]"{}()=+\\_->@<`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
# The program's look-behind is mistyped, so that only a digit after the period saves it; and it
# passes a flag where a count belongs, so that at most 32 periods fall.
_PERIOD = re.compile(r"\.(?!\d)")
_MOST_PERIODS = 32
_ARTICLES = frozenset({"a", "an", "the"})
_COUNTING = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_COUNTING)}


def vqa_accuracy(answer: str, people: Sequence[str]) -> float:
    """The share in [0, 1] by which `answer` agrees: a mean over leaving out one person each of
    min(1, matches / 3).

    What people said is cleared of punctuation only where they disagree, as in the official program.
    """
    said = [clean_punctuation(each) for each in people] if len(set(people)) > 1 else list(people)
    matches = said.count(normalised(answer))
    without_one = min(1.0, (matches - 1) / 3) if matches else 0.0
    without_other = min(1.0, matches / 3)
    return (matches * without_one + (len(said) - matches) * without_other) / len(said)


def normalised(answer: str) -> str:
    """An answer as the official evaluation compares it."""
    line = answer.replace("\n", " ").replace("\t", " ").strip()
    return clean_words(clean_punctuation(line))


def clean_punctuation(text: str) -> str:
    """Each mark falls if it stands at a space or a number holds a comma, else it becomes a space;
    periods fall unless a digit follows."""
    comma_in_number = _COMMA_IN_NUMBER.search(text) is not None
    cleaned = text
    for mark in _PUNCTUATION:
        falls = comma_in_number or f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if falls else " ")
    return _PERIOD.sub("", cleaned, count=_MOST_PERIODS)


def clean_words(text: str) -> str:
    """Lower case, digits for number words, no articles, contractions with their apostrophe."""
    digits = (_NUMBERS.get(word, word) for word in text.lower().split())
    return " ".join(CONTRACTIONS.get(word, word) for word in digits if word not in _ARTICLES)


def soft_scores(people: Sequence[str]) -> dict[str, float]:
    """The score of every answer that people gave, normalised, as published label files hold it:
    0.3, 0.6, 0.9 for one to three people, 1 from four on."""
    said = [normalised(each) for each in people]
    return {answer: min(1.0, round(0.3 * said.count(answer), 1)) for answer in dict.fromkeys(said)}


def mean(values: Iterable[float]) -> float:
    """The mean, 0 of nothing."""
    held = list(values)
    return sum(held) / len(held) if held else 0.0
