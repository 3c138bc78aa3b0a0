"""What tasks share that answer a question about a picture in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlcli.contracts import Example

from .base import Record, needed, nothing_to_learn, record_id, record_images, record_kind
from .labelled import Labelled


class Questions(Labelled):
    """Questions whose answer is right where it is, word for word, one of the known ones.

    `longest` is where an answer to learn is cut, in tokens; `weighted` says whether its score is
    its weight.
    """

    known_as = "questions has answers"
    longest = 10
    weighted = False

    def redraw(self, example: Example, epoch: int) -> Example:
        """The example with the answer to learn in this epoch, drawn by score from (seed, epoch,
        id). Without any score the target is "" and the weight 0."""
        answers, scores = list(example.labels), list(example.labels.values())
        if not sum(scores):
            return replace(example, target="", weight=0.0)
        if len(answers) == 1:
            answer = answers[0]
        else:
            answer = self.chance(example, epoch).choices(answers, scores)[0]
        weight = example.labels[answer] if self.weighted else 1.0
        if (example.target, example.weight) == (answer, weight):
            return example
        return replace(example, target=answer, weight=weight)

    def known(self, example: Example) -> bool:
        """Whether it has answers, be it that none of them scores."""
        return bool(example.labels) or example.record.get("label") is not None

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """In words, what `accuracy` measures."""
        return {"accuracy": "share of answers that are right word for word"}

    def labels(self, record: Record) -> dict[str, float]:
        """Scores by answer."""
        return scores_of(record)

    def example(self, record: Record, training: bool) -> Example:
        """UserError where a record has no text or, to learn from it, no answer."""
        question = needed(record, "text", "question", "sent", what="the question")
        labels = self.labels(record)
        if training and not labels and record.get("label") is None:
            raise nothing_to_learn(record, self.field)
        return Example(
            id=record_id(record),
            task=self.name,
            text=f"{self.args.prompt}{question}{self.args.post_prompt}",
            images=record_images(record),
            labels=labels,
            references=tuple(raw_answers(record)),
            max_text=self.args.max_text_length,
            max_target=self.longest,
            **self.writing,
            kind=record_kind(record),
            record=record,
        )


def scores_of(record: Record) -> dict[str, float]:
    """Scores by answer: as `label` says; of several answers, each is right."""
    label = record.get("label")
    if isinstance(label, Mapping):
        return {answer: float(score) for answer, score in label.items()}
    if label is not None:
        return {str(label): 1.0}
    return dict.fromkeys(raw_answers(record), 1.0)


def raw_answers(record: Record) -> list[str]:
    """What people answered; the published annotations hold objects with an `answer`."""
    return [
        each["answer"] if isinstance(each, Mapping) else each for each in record.get("answers", ())
    ]
