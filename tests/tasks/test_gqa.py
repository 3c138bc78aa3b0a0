"""GQA: texts, what is learned, scores and the test file."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.spec.problem import UserError
from vlcli.tasks.gqa import Gqa

from .answers import spec, written

ASKED: dict[str, Any] = {
    "id": "07333408",
    "question_id": "07333408",
    "image": "2375429",
    "text": "What is on the white wall?",
    "label": {"pipe": 1.0},
}


def test_an_example_holds_the_published_text_and_an_uncut_answer() -> None:
    (example,) = Gqa(spec(prompt="gqa: ", post_prompt=" <extra_id_0>")).examples([ASKED], True)
    assert example.text == "gqa: What is on the white wall? <extra_id_0>"
    assert (example.target, example.weight, example.averaged) == ("pipe", 1, "example")
    assert (example.max_text, example.max_written, example.candidates) == (20, 20, None)
    assert example.max_target > 1000


def test_an_answer_weighs_one_whatever_its_score() -> None:
    task = Gqa(spec())
    (example,) = task.examples([ASKED | {"label": {"pipe": 0.3, "tube": 0.6}}], True)
    assert {task.redraw(example, epoch).weight for epoch in range(20)} == {1.0}
    assert {task.redraw(example, epoch).target for epoch in range(20)} == {"pipe", "tube"}


def test_answers_are_right_word_for_word() -> None:
    task = Gqa(spec())
    task.examples([ASKED], training=True)
    asked = task.examples([ASKED, {"id": "2", "text": "?", "answers": ["two dogs"]}], False)
    scores = task.score(asked, written({"07333408": "pipe", "2": "2 dogs"}))
    assert scores == {"accuracy": 50, "prior": 50, "examples": 2}
    assert task.notes(asked) == {"accuracy": "share of answers that are right word for word"}


def test_the_test_file_is_the_published_one() -> None:
    task = Gqa(spec())
    asked = task.examples([{**ASKED, "label": None}], training=False)
    said = written({"07333408": "yes"})
    assert task.submission(asked, said, "submit") == {
        "submit.json": """[
    {
        "prediction": "yes",
        "questionId": "07333408"
    }
]"""
    }
    with pytest.raises(UserError, match="None of the 1 questions has answers"):
        task.score(asked, said)


def test_nothing_to_learn_is_a_sentence() -> None:
    with pytest.raises(UserError, match='Record "1" has no "answers" to learn from'):
        Gqa(spec()).examples([{"id": "1", "text": "?"}], training=True)
