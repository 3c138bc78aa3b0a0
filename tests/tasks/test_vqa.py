"""Questions become examples, and answers become scores."""

from __future__ import annotations

import json
import os
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vlcli.contracts import Example, Task
from vlcli.spec.problem import UserError
from vlcli.tasks.vqa import Vqa

from .answers import spec, written

ASKED: dict[str, Any] = {"id": "q", "image": "cat.png", "text": "how many?", "kind": "count"}
PEOPLE = ["2"] * 4 + ["three"] * 2 + ["1,000"] * 4


def one(record: dict[str, Any], training: bool = True, **args: Any) -> Example:
    (example,) = Vqa(spec(**args)).examples([ASKED | record], training)
    return example


def drawn(record: dict[str, Any], **args: Any) -> Counter[tuple[str | None, float]]:
    """Targets with weights over 400 epochs."""
    task = Vqa(spec(**args))
    (example,) = task.examples([ASKED | record], training=True)
    redrawn = [task.redraw(example, epoch) for epoch in range(400)]
    return Counter((each.target, each.weight) for each in redrawn)


def test_an_example_holds_the_published_texts_and_limits() -> None:
    example = one({"answers": ["two"]}, prompt="vqa: ", post_prompt=" <extra_id_0>")
    assert example.text == "vqa: how many? <extra_id_0>"
    assert (example.max_text, example.max_target, example.averaged) == (20, 10, "example")
    assert (example.images, example.kind) == (("cat.png",), "count")
    assert (example.target, example.weight) == ("two", 1.0)


def test_answers_are_drawn_by_their_score_which_is_their_weight() -> None:
    seen = drawn({"label": {"2": 1.0, "3": 0.3, "never": 0}})
    assert set(seen) == {("2", 1.0), ("3", 0.3)}
    assert seen["2", 1.0] / 400 == pytest.approx(1 / 1.3, abs=0.06)


def test_a_draw_depends_on_seed_epoch_and_id_alone() -> None:
    record = ASKED | {"label": {"a": 1.0, "b": 1.0, "c": 1.0}}

    def targets(seed: int, name: str) -> list[str | None]:
        task = Vqa(spec(seed=seed))
        (example,) = task.examples([record | {"id": name}], training=True)
        return [task.redraw(example, epoch).target for epoch in range(30)]

    assert targets(1, "q") == targets(1, "q")
    assert targets(1, "q") != targets(2, "q")
    assert targets(1, "q") != targets(1, "r")


def test_without_soft_scores_nothing_is_learned() -> None:
    for label in ({}, {"cat": 0}):
        example = one({"label": label})
        assert (example.target, example.weight) == ("", 0.0)


def test_ten_answers_become_the_published_soft_scores() -> None:
    assert one({"answers": PEOPLE}).labels == {"2": 1.0, "3": 0.6, "1000": 1.0}
    assert one({"answers": ["a cat", "cat"]}).labels == {"a cat": 1.0, "cat": 1.0}


def test_published_annotations_are_understood() -> None:
    answers = [{"answer": answer, "answer_id": i} for i, answer in enumerate(PEOPLE)]
    record = {
        "question_id": 7,
        "question": "how many?",
        "answers": answers,
        "answer_type": "number",
    }
    (example,) = Vqa(spec()).examples([record], training=True)
    assert (example.id, example.kind, example.labels["2"]) == ("7", "number", 1.0)


def test_raw_answers_are_all_as_likely_and_weigh_one() -> None:
    seen = drawn({"answers": PEOPLE}, raw_label=True)
    assert set(seen) == {("2", 1.0), ("three", 1.0), ("1,000", 1.0)}
    assert seen["three", 1.0] / 400 == pytest.approx(0.2, abs=0.06)
    tidy = drawn({"answers": PEOPLE}, raw_label=True, answer_normalize=True)
    assert set(tidy) == {("2", 1.0), ("3", 1.0), ("1000", 1.0)}


def test_a_question_to_evaluate_has_no_target() -> None:
    assert one({"answers": ["two"]}, training=False).target is None


@pytest.mark.parametrize(
    ("record", "args", "sentence"),
    [
        ({"id": "q9"}, {}, 'Record "q9" has no "answers" to learn from'),
        ({"id": "q9", "answers": []}, {}, 'Record "q9" has no "answers" to learn from'),
        ({"id": "q9", "label": {"a": 1}}, {"raw_label": True}, "raw_label: true learns from them"),
    ],
)
def test_what_cannot_be_learned_names_its_record(
    record: dict[str, Any], args: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        one(record, **args)


def test_a_record_without_a_question_names_itself() -> None:
    with pytest.raises(UserError, match='Record "x" has no "text"'):
        Vqa(spec()).examples([{"id": "x", "answers": ["a"]}], training=False)


def records(kind: str, *answers: str) -> list[dict[str, Any]]:
    return [
        ASKED | {"id": f"{kind}{i}", "kind": kind, "answers": [answer]}
        for i, answer in enumerate(answers)
    ]


def test_scores_stand_beside_the_prior_of_every_kind() -> None:
    task: Task = Vqa(spec())
    task.examples(records("color", "red", "red", "blue") + records("count", "2"), training=True)
    asked = task.examples(records("color", "red", "blue") + records("count", "3"), training=False)
    scores = task.score(asked, written({"color0": "red", "color1": "green", "count0": "3 "}))
    assert scores == pytest.approx(
        {
            "accuracy": 200 / 3,
            "accuracy/color": 50,
            "accuracy/count": 100,
            "prior": 100 / 3,
            "prior/color": 50,
            "prior/count": 0,
            "examples": 3,
        }
    )
    assert task.best in scores


def test_ten_answers_are_scored_officially() -> None:
    task = Vqa(spec())
    asked = task.examples([ASKED | {"answers": PEOPLE}], training=False)
    assert task.score(asked, written({"q": "The two!"}))["accuracy"] == pytest.approx(100)
    said = written({"q": "3"})
    assert task.score(asked, said)["accuracy"] == 0  # what people said keeps its words
    assert task.notes(asked) == {"accuracy": "official VQA accuracy"}


def test_questions_without_answers_are_not_judged() -> None:
    task = Vqa(spec())
    asked = task.examples([ASKED, ASKED | {"id": "r", "answers": ["a"]}], training=False)
    assert task.score(asked, written({"q": "a", "r": "a"}))["examples"] == 1
    with pytest.raises(UserError, match="None of the 1 questions has answers"):
        task.score(asked[:1], written({"q": "a"}))


def test_the_task_travels_to_loading_processes() -> None:
    task = Vqa(spec(seed=4))
    (example,) = task.examples([ASKED | {"answers": ["a", "b", "c"]}], training=True)
    redraw = pickle.loads(pickle.dumps(task.redraw))
    assert redraw(example, 5) == task.redraw(example, 5)


def test_results_are_told_by_answer_type_by_question_type_and_by_answer_list() -> None:
    typed = {
        "answer_type": "number",
        "question_type": "how many",
        "is_topk_optimal": True,
        "answers": ["2"],
    }
    other = {"answer_type": "other", "question_type": "what is", "is_topk_optimal": False}
    task = Vqa(spec())
    asked = task.examples(
        [{"id": "1", "text": "?"} | typed, {"id": "2", "text": "?", "answers": ["cat"]} | other],
        training=False,
    )
    assert task.score(asked, written({"1": "2", "2": "dog"})) == {
        "accuracy": 50,
        "accuracy/number": 100,
        "accuracy/how many": 100,
        "accuracy/in the answer list": 100,
        "accuracy/other": 0,
        "accuracy/what is": 0,
        "accuracy/not in the answer list": 0,
        "examples": 2,
    }


def test_the_soft_score_stands_beside_the_official_one() -> None:
    task = Vqa(spec())
    asked = task.examples([ASKED | {"answers": PEOPLE, "label": {"2": 1, "3": 0.6}}], False)
    scores = task.score(asked, written({"q": "3"}))
    assert (scores["accuracy"], scores["topk_score"]) == (0, 60)


def test_the_test_file_is_the_published_one() -> None:
    task = Vqa(spec())
    records = [{"question_id": 262148000, "text": "?"}, {"id": "42", "text": "?"}]
    asked = task.examples(records, training=False)
    said = written({"262148000": 'a "red" cat', "42": "café"})
    assert task.submission(asked, said, "test") == {
        "submit.json": """[
    {
        "answer": "a \\"red\\" cat",
        "question_id": 262148000
    },
    {
        "answer": "caf\\u00e9",
        "question_id": 42
    }
]"""
    }


DATA = Path(os.environ.get("VLCLI_DATA_DIR", "../shared/data")) / "eval_gold" / "vqa"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no {DATA} (VLCLI_DATA_DIR names its root)")
@pytest.mark.parametrize("name", ["always_yes", "first_annotator", "majority"])
def test_parity_of_the_task_with_the_official_program(name: str) -> None:
    """Overall and by question type as recorded; by answer type the parts make up the whole."""
    gold = json.loads((DATA / "gold_lavis_vqaeval.json").read_text())[name]
    texts = {
        each["question_id"]: each["question"]
        for each in json.loads((DATA / "questions.json").read_text())["questions"]
    }
    records = [
        {**each, "text": texts[each["question_id"]]}
        for each in json.loads((DATA / "annotations.json").read_text())["annotations"]
    ]
    results = json.loads((DATA / f"results_{name}.json").read_text())
    task = Vqa(spec())
    asked = task.examples(records, training=False)
    scores = task.score(asked, written({str(r["question_id"]): r["answer"] for r in results}))
    assert task.notes(asked) == {"accuracy": "official VQA accuracy"}
    assert scores["examples"] == len(records) == 2962
    assert round(scores["accuracy"], 2) == gold["overall"]
    for kind, value in gold["perQuestionType_yes_subset"].items():
        assert round(scores[f"accuracy/{kind}"], 2) == value, kind
    counts = Counter(record["answer_type"] for record in records)
    assert set(counts) == {"yes/no", "number", "other"}
    whole = sum(scores[f"accuracy/{kind}"] * count for kind, count in counts.items())
    assert whole / len(records) == pytest.approx(scores["accuracy"])
