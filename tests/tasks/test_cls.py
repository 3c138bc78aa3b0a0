"""Classification: pictures become examples, and class names become top-1 accuracy."""

from __future__ import annotations

import pytest

from vlcli.spec.problem import UserError
from vlcli.tasks.cls import Cls

from .answers import spec, written


def test_an_example_is_the_prompt_and_the_class_name() -> None:
    (example,) = Cls(spec(prompt="cls: ")).examples([{"id": "1", "image": "a", "label": "fox"}], 1)
    assert (example.text, example.target, example.labels) == ("cls: ", "fox", {"fox": 1.0})
    assert (example.max_text, example.max_target, example.averaged) == (20, 20, "example")


def test_a_class_name_is_right_word_for_word() -> None:
    task = Cls(spec())
    records = [{"id": str(n), "label": name} for n, name in enumerate(["fox", "fox", "ice bear"])]
    task.examples(records, training=True)
    asked = task.examples([*records, {"id": "3"}], training=False)
    said = written({"0": "fox", "1": "bear", "2": " ice bear", "3": "fox"})
    assert task.score(asked, said) == pytest.approx(
        {"accuracy": 200 / 3, "prior": 200 / 3, "examples": 3}
    )
    assert task.notes(asked)["accuracy"].startswith("top-1")


def test_what_cannot_be_learned_or_judged_is_a_sentence() -> None:
    task = Cls(spec())
    with pytest.raises(UserError, match='Record "1" has no "label" to learn from'):
        task.examples([{"id": "1"}], training=True)
    with pytest.raises(UserError, match="None of the 1 pictures has a label"):
        task.score(task.examples([{"id": "1"}], training=False), written({"1": "fox"}))
    with pytest.raises(UserError, match="cls has no official test server"):
        task.submission([], {}, "test")
