"""What tasks share whose examples say what a right answer is: scores, and the best constant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vlcli.contracts import Example, Prediction

from .base import BaseTask, Record, best_by_kind, judged


class Labelled(BaseTask):
    """A prediction scores what the `labels` of its example give it.

    `prior` maps a kind of example to its most frequent training answer ("" over all kinds): what a
    model that ignores text and picture alike can reach. `known_as` says in words what is known of
    an example that can be judged.
    """

    known_as = "questions has an answer"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """One example per record. UserError where a record lacks something or, to learn from it,
        its answer."""
        made = [self.example(record, training) for record in records]
        if not training:
            return made
        self.prior = best_by_kind((each.kind, each.labels) for each in made)
        return [self.redraw(each, 0) for each in made]

    def example(self, record: Record, training: bool) -> Example:
        raise NotImplementedError

    def known(self, example: Example) -> bool:
        """Whether it can be judged."""
        return bool(example.labels)

    def right(self, example: Example, said: Prediction) -> float:
        """How right a prediction is, from 0 to 1."""
        return example.labels.get(said.text.strip(), 0.0)

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent right over all and per group, the same for the prior where it is known, and how
        many `examples` could be judged. Unjudged where none can."""
        held = judged(examples, self.known, self.known_as)
        return self.accuracy(held, predictions, self.right)


def one_answer(answer: str | None, training: bool) -> dict[str, Any]:
    """The fields of an example with one right answer, or none known."""
    if answer is None:
        return {}
    return {
        "target": answer if training else None,
        "labels": {answer: 1.0},
        "references": (answer,),
    }
