"""What a reader of words alone makes of a task: naive Bayes over words, pairs of neighbours, and
words of the question with words of a choice."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

Record = dict[str, Any]


class Asked(NamedTuple):
    """One question as text: what is right is a text where `choices` are (), else one's number."""

    kind: str
    text: str
    right: Any
    choices: tuple[str, ...] = ()


def prior(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    """Accuracy of the most frequent right answer, or place in the list, per kind."""
    seen: dict[str, Counter[Any]] = defaultdict(Counter)
    for each in train:
        seen[each.kind][each.right] += 1
    usual = {kind: counts.most_common(1)[0][0] for kind, counts in seen.items()}
    return _share(usual[each.kind] == each.right for each in test)


def from_text(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    """Accuracy of the better of two readers, fitted on train: naive Bayes, and the most frequent
    answer to the same words."""
    return max(_bayes(train, test), _lookup(train, test))


def _bayes(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    if train[0].choices:
        told = [(features, right) for each in train for features, right in _judged(each)]
        model = Bayes(told)
        return _share(_best(model, each) == each.right for each in test)
    models = {
        kind: Bayes([(_words(e.text), e.right) for e in train if e.kind == kind])
        for kind in {each.kind for each in train}
    }
    return _share(models[e.kind].guess(_words(e.text)) == e.right for e in test)


def _lookup(train: Sequence[Asked], test: Sequence[Asked]) -> float:
    """By the question and what stands in the list, in any order, and the text of the answer."""
    seen: dict[Any, Counter[Any]] = defaultdict(Counter)
    for each in train:
        for key in (_key(each), each.kind):
            seen[key][each.choices[each.right] if each.choices else each.right] += 1
    right = []
    for each in test:
        counts = seen.get(_key(each)) or seen[each.kind]
        options = each.choices or tuple(counts)
        guess = max(options, key=lambda option: counts[option])
        right.append(guess == (each.choices[each.right] if each.choices else each.right))
    return _share(right)


def _key(each: Asked) -> tuple[Any, ...]:
    return each.kind, each.text, tuple(sorted(each.choices))


class Bayes:
    """P(class | features) by counts, add-one smoothed."""

    def __init__(self, told: Iterable[tuple[list[Any], Any]]) -> None:
        self.classes: Counter[Any] = Counter()
        self.seen: dict[Any, Counter[Any]] = defaultdict(Counter)
        for features, right in told:
            self.classes[right] += 1
            self.seen[right].update(features)
        self.size = len({feature for counts in self.seen.values() for feature in counts})
        self.total = {right: counts.total() for right, counts in self.seen.items()}

    def log(self, features: Sequence[Any], right: Any) -> float:
        counts, total = self.seen[right], self.total[right] + self.size
        return math.log(self.classes[right]) + sum(
            math.log((counts[feature] + 1) / total) for feature in features
        )

    def guess(self, features: Sequence[Any]) -> Any:
        return max(self.classes, key=lambda right: self.log(features, right))


def _judged(each: Asked) -> list[tuple[list[Any], bool]]:
    """Every choice with its features, and whether it is the right one."""
    held = []
    for place, choice in enumerate(each.choices):
        others = [word for other in each.choices if other != choice for word in other.split()]
        features = [("at", place), *_words(choice)]
        features += product(set(each.text.split()), set(choice.split()))
        features += [("beside", *pair) for pair in product(set(choice.split()), set(others))]
        held.append((features, place == each.right))
    return held


def _best(model: Bayes, each: Asked) -> int:
    odds = [model.log(f, True) - model.log(f, False) for f, _ in _judged(each)]
    return max(range(len(odds)), key=odds.__getitem__)


def _words(text: str) -> list[Any]:
    words = text.split()
    return [*words, *pairwise(words)]


def _share(right: Iterable[bool]) -> float:
    held = list(right)
    return sum(held) / len(held)
