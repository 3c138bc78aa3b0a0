"""VCR: the right answer of four, and the right reason for it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vlcli.contracts import Example, Prediction
from vlcli.spec.problem import UserError

from .base import (
    TRUE_OR_FALSE,
    BaseTask,
    Record,
    judged,
    needed,
    nothing_to_learn,
    position,
    record_id,
    record_images,
    record_kind,
)

ANSWER, REASON = "answer", "reason"
FOUR = range(4)
COLUMNS = (
    "annot_id",
    *(f"answer_{a}" for a in FOUR),
    *(f"rationale_conditioned_on_a{a}_{r}" for a in FOUR for r in FOUR),
)
Sure = dict[str, list[float]]


class Asked(NamedTuple):
    """What a record asks, and the numbers of the right answer and the right reason; None where they
    are not known."""

    question: str
    answers: Sequence[str]
    reasons: Sequence[str]
    answer: int | None
    reason: int | None


class Vcr(BaseTask):
    """Every choice of every question is an example, true or false; the one most likely true wins.

    Reasons are asked for after the right answer, and after every answer where it is not known.
    Examples weigh 2, so that their mean loss is the published sum of the means over answers and
    over reasons. `prior` holds the most frequent number of a right answer and of a right reason.
    """

    name = "vcr"
    field = "label"
    best = "Q_AR"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """One example per choice: "7/answer/2" and "7/reason/1" for the record 7, and where the
        answer is not known "7/reason/2/1", the reason 1 after the answer 2. UserError where a
        record lacks something, or has an answer without its reason."""
        made: list[Example] = []
        answers: Counter[int] = Counter()
        reasons: Counter[int] = Counter()
        for record in records:
            asked = _asked(record)
            if asked.answer is not None and asked.reason is not None:
                answers[asked.answer] += 1
                reasons[asked.reason] += 1
            elif training:
                raise nothing_to_learn(record, self.field)
            made += self._choices(record, asked, training)
        if training and made:
            self.prior = {
                ANSWER: str(answers.most_common(1)[0][0]),
                REASON: str(reasons.most_common(1)[0][0]),
            }
        return made

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent of questions with the right answer (Q_A), with the right reason after the right
        answer (QA_R) and with both (Q_AR), over all and per kind; the same for the prior, as
        "prior/Q_A"; and how many questions (`examples`) had an answer to be judged by."""
        held = judged(examples, _is_known, "choices belongs to a question with an answer")
        questions = _questions(held)
        chosen = []
        for question in questions:
            sure = _sure(question, predictions)
            chosen.append((_best(sure[ANSWER]), _best(sure[REASON])))
        scores = self._shares("", questions, chosen)
        if self.prior:
            usual = (int(self.prior[ANSWER]), int(self.prior[REASON]))
            scores |= self._shares("prior/", questions, [usual] * len(questions))
        return {**scores, "examples": len(questions)}

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """The probabilities of four answers and of four reasons after each, a line a question.
        UserError where answers are known, or not four."""
        lines = [",".join(COLUMNS)]
        for question in _questions(examples):
            record, sure = question[0].record, _sure(question, predictions)
            if _is_known(question[0]) or any(len(each) != len(FOUR) for each in sure.values()):
                raise UserError(
                    f"The test file of vcr holds questions with four answers and four reasons and "
                    f'without the right ones, and "{record_id(record)}" of {split} is none. Remove '
                    "submit, or name the test split.",
                    3,
                )
            parts = [sure[ANSWER], *(sure[f"{REASON}/{answer}"] for answer in FOUR)]
            row = [str(share) for part in parts for share in _shares_of_one(part)]
            lines.append(",".join([str(record.get("annot_id", record_id(record))), *row]))
        return {"test_submit.csv": "".join(f"{line}\n" for line in lines)}

    def _choices(self, record: Record, asked: Asked, training: bool) -> list[Example]:
        name = record_id(record)
        made = [
            self._example(
                record,
                f"{name}/{ANSWER}/{number}",
                f"vcr qa question: {asked.question} answer: {answer}",
                number == asked.answer if training else None,
            )
            for number, answer in enumerate(asked.answers)
        ]
        given = range(len(asked.answers)) if asked.answer is None else (asked.answer,)
        for answer in given:
            place = f"{name}/{REASON}" + (f"/{answer}" if asked.answer is None else "")
            before = f"vcr qar question: {asked.question} answer: {asked.answers[answer]}"
            made += [
                self._example(
                    record,
                    f"{place}/{number}",
                    f"{before} rationale: {reason}",
                    number == asked.reason if training else None,
                )
                for number, reason in enumerate(asked.reasons)
            ]
        return made

    def _example(self, record: Record, name: str, text: str, true: bool | None) -> Example:
        return Example(
            id=name,
            task=self.name,
            text=text,
            target=None if true is None else TRUE_OR_FALSE[not true],
            images=record_images(record),
            weight=2.0,
            candidates=TRUE_OR_FALSE,
            learned="first",
            max_text=self.args.max_text_length,
            kind=record_kind(record),
            record=record,
        )

    def _shares(
        self, prefix: str, questions: Sequence[list[Example]], chosen: Sequence[tuple[int, int]]
    ) -> dict[str, float]:
        """Percent of questions of which answer, reason and both are chosen rightly."""
        held: dict[str, list[tuple[Example, float]]] = {"Q_A": [], "QA_R": [], "Q_AR": []}
        for (each, *_), (answer, reason) in zip(questions, chosen, strict=True):
            right = (answer == each.record["label"], reason == each.record["rationale_label"])
            for name, value in zip(held, (*right, all(right)), strict=True):
                held[name].append((each, float(value)))
        found = [self.means(f"{prefix}{name}", values) for name, values in held.items()]
        return {name: value for scores in found for name, value in scores.items()}


def _asked(record: Record) -> Asked:
    answers = needed(record, "choices", what="the answers to choose from")
    reasons = needed(record, "rationales", what="the reasons to choose from")
    answer = position(record, "label", len(answers))
    reason = position(record, "rationale_label", len(reasons))
    if (answer is None) != (reason is None):
        there, missing = ("label", "rationale_label")[:: 1 if reason is None else -1]
        raise UserError(f'Record "{record_id(record)}" has "{there}" and no "{missing}".', 3)
    question = needed(record, "text", "question", what="the question")
    return Asked(question, answers, reasons, answer, reason)


def _is_known(example: Example) -> bool:
    return example.record.get("label") is not None


def _questions(examples: Sequence[Example]) -> list[list[Example]]:
    """The examples of each question."""
    questions: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        questions[record_id(example.record)].append(example)
    return list(questions.values())


def _sure(question: Sequence[Example], predictions: Mapping[str, Prediction]) -> Sure:
    """How likely each choice of a question is true: of "answer", and of "reason" or, for each
    answer, "reason/2"."""
    sure: Sure = defaultdict(list)
    for each in question:
        place = each.id.removeprefix(f"{record_id(each.record)}/").rpartition("/")[0]
        said = predictions[each.id]
        sure[place].append(said.scores[0] if said.scores else float(said.text == TRUE_OR_FALSE[0]))
    return sure


def _best(sure: Sequence[float]) -> int:
    return max(range(len(sure)), key=lambda number: sure[number])


def _shares_of_one(sure: Sequence[float]) -> list[float]:
    """The same, scaled so that they sum to one."""
    total = sum(sure)
    return [each / total for each in sure] if total else [1 / len(sure)] * len(sure)
