"""VCR: choices become examples, and what is most likely true becomes scores."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.contracts import Example, Prediction
from vlcli.spec.problem import UserError
from vlcli.tasks.vcr import COLUMNS, Vcr

from .answers import spec

ASKED: dict[str, Any] = {
    "id": "v1",
    "image": "movie",
    "text": "why is person <vis_extra_id_0> here?",
    "choices": ["to eat.", "to run.", "to rest.", "to go."],
    "label": 1,
    "rationales": ["r0", "r1", "r2", "r3"],
    "rationale_label": 3,
}
TEST = {key: value for key, value in ASKED.items() if "label" not in key}


def sure(examples: list[Example], of: dict[str, float]) -> dict[str, Prediction]:
    """Predictions with these chances of being true, by the end of the id; others 0.1."""
    said = {}
    for each in examples:
        chance = next((p for end, p in of.items() if each.id.endswith(end)), 0.1)
        text = "true" if chance > 0.5 else "false"
        said[each.id] = Prediction(each.id, text, (chance, 1 - chance))
    return said


def test_every_choice_is_an_example_with_the_published_text() -> None:
    examples = Vcr(spec(max_text_length=100)).examples([ASKED], training=True)
    question = "question: why is person <vis_extra_id_0> here?"
    assert [(each.id, each.text, each.target) for each in examples] == [
        ("v1/answer/0", f"vcr qa {question} answer: to eat.", "false"),
        ("v1/answer/1", f"vcr qa {question} answer: to run.", "true"),
        ("v1/answer/2", f"vcr qa {question} answer: to rest.", "false"),
        ("v1/answer/3", f"vcr qa {question} answer: to go.", "false"),
        ("v1/reason/0", f"vcr qar {question} answer: to run. rationale: r0", "false"),
        ("v1/reason/1", f"vcr qar {question} answer: to run. rationale: r1", "false"),
        ("v1/reason/2", f"vcr qar {question} answer: to run. rationale: r2", "false"),
        ("v1/reason/3", f"vcr qar {question} answer: to run. rationale: r3", "true"),
    ]
    assert {(e.weight, e.averaged, e.learned, e.candidates, e.max_text) for e in examples} == {
        (2.0, "example", "first", ("true", "false"), 100)
    }
    assert all(each.images == ("movie",) for each in examples)


def test_weights_make_the_mean_loss_the_published_sum() -> None:
    """Answers and reasons are equally many, so a mean with weight 2 is the sum of both means."""
    examples = Vcr(spec()).examples([ASKED], training=True)
    losses = [float(number) for number in range(len(examples))]
    mean = sum(e.weight * loss for e, loss in zip(examples, losses, strict=True)) / len(examples)
    assert mean == sum(losses[:4]) / 4 + sum(losses[4:]) / 4


def test_a_question_counts_where_answer_and_reason_are_right() -> None:
    task = Vcr(spec())
    task.examples([ASKED, ASKED | {"id": "v0", "label": 2}, ASKED], training=True)
    assert task.prior == {"answer": "1", "reason": "3"}
    records = [ASKED, ASKED | {"id": "v2"}, ASKED | {"id": "v/3", "label": 0}, TEST | {"id": "v4"}]
    examples = task.examples(records, training=False)
    assert all(each.target is None for each in examples)
    of = {
        "v1/answer/1": 0.4,  # the likeliest wins, be it unlikely
        "v1/reason/3": 0.9,
        "v2/answer/1": 0.8,
        "v2/reason/0": 0.8,
        "v/3/answer/3": 0.9,
        "v/3/reason/3": 0.2,
    }
    assert task.score(examples, sure(examples, of)) == pytest.approx(
        {
            "Q_A": 200 / 3,
            "QA_R": 200 / 3,
            "Q_AR": 100 / 3,
            "prior/Q_A": 200 / 3,
            "prior/QA_R": 100,
            "prior/Q_AR": 200 / 3,
            "examples": 3,
        }
    )


def test_results_are_told_by_kind() -> None:
    task = Vcr(spec())
    examples = task.examples([ASKED | {"kind": "why"}], training=False)
    scores = task.score(examples, sure(examples, {"answer/1": 1, "reason/0": 1}))
    assert (scores["Q_A/why"], scores["QA_R/why"], scores["Q_AR/why"]) == (100, 0, 0)


def test_where_the_answer_is_unknown_reasons_follow_every_answer() -> None:
    examples = Vcr(spec()).examples([TEST], training=False)
    assert len(examples) == 4 + 16
    held = {each.id: each.text for each in examples}
    assert held["v1/reason/2/1"].endswith("answer: to rest. rationale: r1")


def test_the_test_file_is_the_published_one() -> None:
    task = Vcr(spec())
    examples = task.examples([TEST | {"annot_id": "test-0"}], training=False)
    of = {"answer/0": 0.2, "reason/1/3": 0.7} | {f"reason/2/{n}": 0.0 for n in range(4)}
    files = task.submission(examples, sure(examples, of), "test")
    (text,) = files.values()
    assert list(files) == ["test_submit.csv"]
    header, row, end = text.split("\n")
    assert header == (
        "annot_id,answer_0,answer_1,answer_2,answer_3,"
        "rationale_conditioned_on_a0_0,rationale_conditioned_on_a0_1,"
        "rationale_conditioned_on_a0_2,rationale_conditioned_on_a0_3,"
        "rationale_conditioned_on_a1_0,rationale_conditioned_on_a1_1,"
        "rationale_conditioned_on_a1_2,rationale_conditioned_on_a1_3,"
        "rationale_conditioned_on_a2_0,rationale_conditioned_on_a2_1,"
        "rationale_conditioned_on_a2_2,rationale_conditioned_on_a2_3,"
        "rationale_conditioned_on_a3_0,rationale_conditioned_on_a3_1,"
        "rationale_conditioned_on_a3_2,rationale_conditioned_on_a3_3"
    )
    assert (header, end) == (",".join(COLUMNS), "")
    name, *shares = row.split(",")
    assert name == "test-0"
    answers, *reasons = ([float(s) for s in shares[n : n + 4]] for n in range(0, 20, 4))
    assert answers == pytest.approx([0.4, 0.2, 0.2, 0.2])
    assert reasons[0] == pytest.approx([0.25] * 4)
    assert reasons[1] == pytest.approx([0.1, 0.1, 0.1, 0.7])
    assert reasons[2] == [0.25] * 4  # of nothing likely, all are as likely


def test_a_split_with_answers_has_no_test_file() -> None:
    task = Vcr(spec())
    examples = task.examples([ASKED], training=False)
    with pytest.raises(UserError, match='and "v1" of val is none'):
        task.submission(examples, sure(examples, {}), "val")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": None, "rationale_label": None}, 'Record "v1" has no "label" to learn from'),
        ({"label": 4}, 'Record "v1": "label" is 4; .* 4 choices, from 0 to 3'),
        ({"rationale_label": "1"}, 'Record "v1": "rationale_label" is "1"; it must be the number'),
        ({"rationale_label": None}, 'Record "v1" has "label" and no "rationale_label"'),
        ({"label": None}, 'Record "v1" has "rationale_label" and no "label"'),
        ({"choices": None}, 'Record "v1" has no "choices", the answers to choose from'),
        ({"rationales": None}, 'Record "v1" has no "rationales", the reasons to choose from'),
        ({"text": None}, 'Record "v1" has no "text", the question'),
    ],
)
def test_what_cannot_be_learned_names_its_record(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Vcr(spec()).examples([ASKED | change], training=True)


def test_nothing_known_is_a_sentence() -> None:
    task = Vcr(spec())
    examples = task.examples([TEST], training=False)
    with pytest.raises(UserError, match="None of the 20 choices belongs to a question with an an"):
        task.score(examples, sure(examples, {}))
