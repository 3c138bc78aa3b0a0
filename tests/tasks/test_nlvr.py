"""NLVR2: sentences about two pictures become examples, and choices become scores."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.contracts import Prediction
from vlcli.spec.problem import UserError
from vlcli.tasks.nlvr import Nlvr

from .answers import spec, written

PAIR = ["train-10171-0-img0", "train-10171-0-img1"]


def record(name: str, label: Any, group: str | None = None) -> dict[str, Any]:
    held = {"id": name, "image": PAIR, "text": "Two dogs are left.", "label": label}
    return held | ({} if group is None else {"group": group})


def test_an_example_chooses_between_true_and_false() -> None:
    task = Nlvr(spec(prompt="nlvr: ", post_prompt=" <extra_id_0>"))
    (example,) = task.examples([record("1", 1)], training=True)
    assert example.text == "nlvr: Two dogs are left. <extra_id_0>"
    assert (example.target, example.candidates, example.learned) == (
        "true",
        ("true", "false"),
        "text",
    )
    assert (example.images, example.averaged, example.weight) == (tuple(PAIR), "example", 1)
    assert example.max_text > 1000  # the sentence is not cut


@pytest.mark.parametrize("label", [True, 1, "1", "true", "True"])
def test_truth_is_written_in_many_ways(label: Any) -> None:
    (example,) = Nlvr(spec()).examples([record("1", label)], training=True)
    assert example.target == "true"


@pytest.mark.parametrize("label", [False, 0, "0", "false", "False"])
def test_so_is_falsehood(label: Any) -> None:
    (example,) = Nlvr(spec()).examples([record("1", label)], training=True)
    assert example.target == "false"


def test_a_group_is_consistent_where_all_of_it_is_right() -> None:
    task = Nlvr(spec())
    task.examples([record("0", True)], training=True)
    records = [
        record("a0", True, "a"),
        record("a1", False, "a"),
        record("b0", True, "b"),
        record("b1", True, "b"),
    ]
    said = {
        name: Prediction(name, text, (0.9, 0.1))
        for name, text in {"a0": "true", "a1": "false", "b0": "true", "b1": "false"}.items()
    }
    assert task.score(task.examples(records, training=False), said) == {
        "accuracy": 75,
        "prior": 75,
        "consistency": 50,
        "prior/consistency": 50,
        "examples": 4,
    }


def test_without_groups_there_is_no_consistency() -> None:
    task = Nlvr(spec())
    asked = task.examples([record("1", True), record("2", None)], training=False)
    assert task.score(asked, written({"1": "false", "2": "true"})) == {"accuracy": 0, "examples": 1}


def test_the_test_file_is_the_published_one() -> None:
    task = Nlvr(spec())
    records = [
        {"id": "nlvr2_test1_0", "identifier": "test1-0-0-0", "image": PAIR, "text": "s"},
        {"id": "test1-0-1-0", "image": PAIR, "text": "s"},
    ]
    asked = task.examples(records, training=False)
    said = written({"nlvr2_test1_0": "true", "test1-0-1-0": "false"})
    lines = "test1-0-0-0,True\ntest1-0-1-0,False\n"
    assert task.submission(asked, said, "test") == {"submit.csv": lines}


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (record("1", None), 'Record "1" has no "label" to learn from'),
        (record("1", "maybe"), 'Record "1": "label" is "maybe"; it must be true or false'),
        (record("1", 2), 'Record "1": "label" is 2; it must be true or false'),
        (record("1", 1) | {"image": "left.png"}, r'Record "1" has 1 picture\(s\), and a sentence'),
        (record("1", 1) | {"text": None}, 'Record "1" has no "text", the sentence'),
    ],
)
def test_what_cannot_be_learned_names_its_record(held: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Nlvr(spec()).examples([held], training=True)


def test_nothing_known_is_a_sentence() -> None:
    task = Nlvr(spec())
    with pytest.raises(UserError, match="None of the 1 sentences has a label"):
        task.score(task.examples([record("1", None)], training=False), written({"1": "true"}))
