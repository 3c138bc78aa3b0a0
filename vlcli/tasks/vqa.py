"""Visual question answering: a question about a picture, answered in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlcli.contracts import Example, Prediction
from vlcli.metrics.vqa import PEOPLE, mean, normalised, soft_scores, vqa_accuracy
from vlcli.spec.problem import UserError

from .base import Record, nothing_to_learn, published, record_id
from .questions import Questions, raw_answers

OPTIMAL = {True: "in the answer list", False: "not in the answer list"}


class Vqa(Questions):
    """Questions of VQA v2, or of your own.

    Accuracy is in percent: the official one for questions that ten people answered, else the score
    that `label` gives the answer, else whether it is one of `answers`.
    """

    name = "vqa"
    weighted = True

    def redraw(self, example: Example, epoch: int) -> Example:
        """The example with the answer to learn in this epoch: drawn by soft score, its score the
        weight; with raw_label one of the raw answers, each as likely, of weight 1."""
        if not self.args.raw_label:
            return super().redraw(example, epoch)
        answer = self.chance(example, epoch).choice(raw_answers(example.record))
        chosen = _normalised(answer) if self.args.answer_normalize else answer
        return replace(example, target=chosen, weight=1.0)

    def labels(self, record: Record) -> dict[str, float]:
        """The same; of ten people's answers the published soft scores."""
        answers = raw_answers(record)
        if record.get("label") is None and len(answers) == PEOPLE:
            return soft_scores(answers)
        return super().labels(record)

    def groups(self, example: Example) -> tuple[str, ...]:
        """Kind or type of the answer, type of the question, and whether the answer list has the
        best answer, where the record tells."""
        record = example.record
        optimal = record.get("is_topk_optimal")
        return (
            example.kind,
            str(record.get("question_type", "")),
            "" if optimal is None else OPTIMAL[bool(optimal)],
        )

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent right over all, per kind and per type of question, the same for the prior where
        it is known, and how many `examples` had an answer to be judged by. `topk_score` is the mean
        soft score of the answers, where records have them beside those of ten people."""
        scores = super().score(examples, predictions)
        soft = [e for e in examples if _is_official(e) and e.record.get("label") is not None]
        if not soft:
            return scores
        reached = mean(each.labels.get(predictions[each.id].text, 0.0) for each in soft)
        return {**scores, "topk_score": 100 * reached}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """In words, what `accuracy` measures on these examples."""
        official = sum(_is_official(example) for example in examples)
        exact = super().notes(examples)["accuracy"]
        if not official:
            return {"accuracy": exact}
        if official == len(examples):
            return {"accuracy": "official VQA accuracy"}
        return {"accuracy": f"official VQA accuracy where ten answered, else {exact}"}

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """A list of question_id (a whole number) and answer, as JSON."""
        rows = [
            {"question_id": published(e.record, "question_id"), "answer": predictions[e.id].text}
            for e in examples
        ]
        return {"submit.json": json.dumps(rows, indent=4, sort_keys=True)}

    def right(self, example: Example, said: Prediction) -> float:
        if _is_official(example):
            return vqa_accuracy(said.text, example.references)
        return super().right(example, said)

    def example(self, record: Record, training: bool) -> Example:
        if training and self.args.raw_label and not raw_answers(record):
            if record.get("label") is None:
                raise nothing_to_learn(record, self.field)
            raise UserError(
                f'Record "{record_id(record)}" has no "answers", and raw_label: true learns from '
                "them.",
                exit_code=3,
            )
        return super().example(record, training)


def _normalised(answer: str) -> str:
    """The published form of a raw answer: the official one, without commas."""
    return normalised(answer).replace(",", "")


def _is_official(example: Example) -> bool:
    return len(example.references) == PEOPLE
