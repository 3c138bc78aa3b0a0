"""Visual question answering: a question about a picture, answered in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vlcli.contracts import Example, Prediction
from vlcli.metrics.vqa import PEOPLE, normalised, soft_scores, vqa_accuracy
from vlcli.spec.problem import Unjudged, UserError

from .base import BaseTask, Record, best_by_kind, needed, record_id, record_images, record_kind

LONGEST_ANSWER = 10  # tokens


class Vqa(BaseTask):
    """Questions about pictures.

    Accuracy is in percent: the official one for questions that ten people answered, else the score
    that `label` gives the answer, else whether it is one of `answers`. `prior` maps a kind of
    question to its most frequent training answer ("" over all kinds): what a model that ignores
    question and picture alike can reach.
    """

    name = "vqa"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """One example per question. UserError where a record has no text or, to learn from it, no
        answer."""
        made = [self._example(record, training) for record in records]
        if not training:
            return made
        self.prior = best_by_kind((each.kind, each.labels) for each in made)
        return [self.redraw(example, 0) for example in made]

    def redraw(self, example: Example, epoch: int) -> Example:
        """The example with the answer to learn in this epoch: drawn by soft score, its score the
        weight; with raw_label one of the raw answers, each as likely, of weight 1.

        Drawn from (seed, epoch, id). Without any soft score the target is "" and the weight 0.
        """
        if self.args.raw_label:
            answer = self.chance(example, epoch).choice(_raw_answers(example.record))
            chosen = _normalised(answer) if self.args.answer_normalize else answer
            return replace(example, target=chosen, weight=1.0)
        answers, scores = list(example.labels), list(example.labels.values())
        if not sum(scores):
            return replace(example, target="", weight=0.0)
        if len(answers) == 1:
            answer = answers[0]
        else:
            answer = self.chance(example, epoch).choices(answers, scores)[0]
        if (example.target, example.weight) == (answer, example.labels[answer]):
            return example
        return replace(example, target=answer, weight=example.labels[answer])

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent right over all and per kind, the same for the prior where it is known, and how
        many `examples` had an answer to be judged by."""
        judged = [example for example in examples if _is_known(example)]
        if not judged:
            raise Unjudged(
                f"None of the {len(examples)} questions has answers, so there is no accuracy."
            )
        return self.accuracy(judged, predictions, _right)

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """In words, what `accuracy` measures on these examples."""
        official = sum(_is_official(example) for example in examples)
        if official == len(examples):
            return {"accuracy": "official VQA accuracy"}
        exact = "share of answers that are right word for word"
        return (
            {"accuracy": f"official VQA accuracy where ten answered, else {exact}"}
            if (official)
            else {"accuracy": exact}
        )

    def _example(self, record: Record, training: bool) -> Example:
        question = needed(record, "text", "question", "sent", what="the question")
        labels = labels_of(record)
        if training and not labels and ("label" not in record or self.args.raw_label):
            raise UserError(
                f'Record "{record_id(record)}" has no "answers" to learn from.', exit_code=3
            )
        if training and self.args.raw_label and not _raw_answers(record):
            raise UserError(
                f'Record "{record_id(record)}" has no "answers", and raw_label: true learns from '
                "them.",
                exit_code=3,
            )
        return Example(
            id=record_id(record),
            task=self.name,
            text=f"{self.args.prompt}{question}{self.args.post_prompt}",
            images=record_images(record),
            labels=labels,
            references=tuple(_raw_answers(record)),
            max_text=self.args.max_text_length,
            max_target=LONGEST_ANSWER,
            max_written=self.args.gen_max_length,
            kind=record_kind(record),
            record=record,
        )


def labels_of(record: Record) -> dict[str, float]:
    """Soft scores by answer: as `label` says; of ten people's answers, as published; of any other
    number of answers, each is right."""
    label = record.get("label")
    if isinstance(label, Mapping):
        return {answer: float(score) for answer, score in label.items()}
    if label is not None:
        return {str(label): 1.0}
    answers = _raw_answers(record)
    if len(answers) == PEOPLE:
        return soft_scores(answers)
    return dict.fromkeys(answers, 1.0)


def _raw_answers(record: Record) -> list[str]:
    """What people answered; the published annotations hold objects with an `answer`."""
    return [
        each["answer"] if isinstance(each, Mapping) else each for each in record.get("answers", ())
    ]


def _normalised(answer: str) -> str:
    """The published form of a raw answer: the official one, without commas."""
    return normalised(answer).replace(",", "")


def _is_official(example: Example) -> bool:
    return len(example.references) == PEOPLE


def _is_known(example: Example) -> bool:
    return bool(example.labels) or "label" in example.record


def _right(example: Example, said: Prediction) -> float:
    if _is_official(example):
        return vqa_accuracy(said.text, example.references)
    return example.labels.get(said.text.strip(), 0.0)
