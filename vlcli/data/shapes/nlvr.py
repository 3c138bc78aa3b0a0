"""The records of nlvr: a sentence and two pictures of which it is true or false, each with one
large object.

Every sentence comes with four pairs, two of which make it true, so that its words say nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from .questions import Words
from .sets import Shown
from .stills import CLASSES

Pair = tuple[bool, bool]  # of the left and of the right picture: whether it shows what is meant
ALL: tuple[Pair, ...] = ((True, True), (True, False), (False, True), (False, False))
PER_SENTENCE = 4
TRIES = 1000  # to find pairs of both kinds
TURNS = (*("left", "right", "both") * 2, *("left", "right", "neither", "either", "one", "same"))
SENTENCES: dict[str, tuple[tuple[str, ...], frozenset[Pair]]] = {
    "both": (
        ("both pictures show a {}", "there is a {} in both pictures"),
        frozenset({(True, True)}),
    ),
    "neither": (
        ("neither picture shows a {}", "there is no {} in either picture"),
        frozenset({(False, False)}),
    ),
    "either": (
        ("at least one picture shows a {}", "there is a {} in one picture or in both"),
        frozenset({(True, True), (True, False), (False, True)}),
    ),
    "one": (
        ("exactly one picture shows a {}", "there is a {} in only one of the pictures"),
        frozenset({(True, False), (False, True)}),
    ),
    "left": (
        ("the left picture shows a {}", "there is a {} in the left picture"),
        frozenset({(True, True), (True, False)}),
    ),
    "right": (
        ("the right picture shows a {}", "there is a {} in the right picture"),
        frozenset({(True, True), (False, True)}),
    ),
}
SAME = {
    "colour": "the large objects of both pictures have the same color",
    "shape": "the large objects of both pictures have the same shape",
}


def records(rng: random.Random, shown: Sequence[Shown]) -> Iterator[dict[str, Any]]:
    """Half as many sentences as there are pictures."""
    pools: dict[Words, tuple[list[Shown], list[Shown]]] = {}
    for number in range(max(1, len(shown) // 2)):
        kind = TURNS[number % len(TURNS)]
        if kind == "same":
            text, pairs = _compared(rng, shown)
        else:
            text, pairs = _shown(rng, shown, kind, pools)
        rng.shuffle(pairs)
        for i, (left, right, label) in enumerate(pairs):
            yield {
                "id": f"{left.split}-{number}-{i}",
                "image": [left.image, right.image],
                "split": left.split,
                "text": text,
                "label": str(label).lower(),
                "kind": kind,
                "group": f"{left.split}-{number}",
            }


Pairs = list[tuple[Shown, Shown, bool]]


def _shown(
    rng: random.Random,
    shown: Sequence[Shown],
    kind: str,
    pools: dict[Words, tuple[list[Shown], list[Shown]]],
) -> tuple[str, Pairs]:
    """A sentence about what a picture shows, and its pairs."""
    wordings, true = SENTENCES[kind]
    while True:
        words = _words(rng)
        if words not in pools:
            pools[words] = _pools(words, shown)
        having, lacking = pools[words]
        if having and lacking:
            break
    draw = partial(_drawn, rng, having, lacking)
    pairs = [(*draw(sorted(true)), True) for _ in range(PER_SENTENCE // 2)]
    false = [pair for pair in ALL if pair not in true]
    pairs += [(*draw(false), False) for _ in range(PER_SENTENCE // 2)]
    text = rng.choice(wordings).format(words)
    return text, pairs


def _words(rng: random.Random) -> Words:
    """Of the large object, mostly a colour, which is seen at a glance."""
    colour, shape = rng.choice(CLASSES).split()
    named = (Words(colour=colour), Words(shape=shape), Words(colour=colour, shape=shape))
    return rng.choices(named, (6, 3, 1))[0]._replace(size="large")


def _pools(words: Words, shown: Sequence[Shown]) -> tuple[list[Shown], list[Shown]]:
    """The pictures that show such an object, and the others."""
    pools: tuple[list[Shown], list[Shown]] = ([], [])
    for each in shown:
        pools[not any(map(words.fits, each.scene.things))].append(each)
    return pools


def _drawn(
    rng: random.Random, having: list[Shown], lacking: list[Shown], kinds: Sequence[Pair]
) -> tuple[Shown, Shown]:
    left, right = (rng.choice(having if has else lacking) for has in rng.choice(kinds))
    return left, right


def _compared(rng: random.Random, shown: Sequence[Shown]) -> tuple[str, Pairs]:
    """A sentence that compares the large objects of both pictures, and its pairs."""
    what = rng.choice(tuple(SAME))
    found: dict[bool, Pairs] = {True: [], False: []}
    for _ in range(TRIES):
        pair = rng.choice(shown), rng.choice(shown)
        left, right = (getattr(each.scene.things[0], what) for each in pair)
        if len(found[left == right]) < PER_SENTENCE // 2:
            found[left == right].append((*pair, left == right))
    return SAME[what], found[True] + found[False]
