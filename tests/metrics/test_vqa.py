"""The official VQA accuracy: its rules by example, and its recorded results."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from vlcli.metrics.contractions import CONTRACTIONS
from vlcli.metrics.vqa import clean_punctuation, mean, normalised, soft_scores, vqa_accuracy

GOLD = Path(os.environ.get("VLCLI_DATA_DIR", "../shared/data")) / "eval_gold" / "vqa"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The two dogs.", "2 dogs"),
        ("none", "0"),
        ("A\tcat\nand an ox", "cat and ox"),
        ("dont know", "don't know"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("somebody'd", "somebodyd"),
        ("Im here", "im here"),  # capital I never matches: the text is in lower case by then
        ("3.5 miles", "3.5 miles"),
        ("1,000 people", "1000 people"),
        ("t-shirt", "t shirt"),  # no space beside it: a mark becomes a space
        ("red - blue", "red blue"),
        ("yes!", "yes"),
        ("black/white, red", "black white red"),
    ],
)
def test_answers_are_read_as_the_official_program_reads_them(written: str, read: str) -> None:
    assert normalised(written) == read


def test_a_comma_in_a_number_removes_every_mark_without_a_space() -> None:
    assert clean_punctuation("1,000-year/old") == "1000yearold"


def test_at_most_32_periods_fall() -> None:
    assert clean_punctuation("." * 40) == "." * 8


def test_three_of_ten_people_make_an_answer_right() -> None:
    people = ["red"] * 3 + ["blue"] * 7
    assert vqa_accuracy("blue", people) == 1
    assert vqa_accuracy("red", people) == pytest.approx(0.9)
    assert vqa_accuracy("red", ["red"] + ["blue"] * 9) == pytest.approx(0.3)
    assert vqa_accuracy("green", people) == 0


def test_what_people_said_loses_punctuation_only_where_they_disagree() -> None:
    assert vqa_accuracy("t-shirt", ["t-shirt"] * 10) == 0
    assert vqa_accuracy("t-shirt", ["t-shirt"] * 9 + ["shirt"]) == 1


def test_the_contraction_map_is_whole() -> None:
    assert len(CONTRACTIONS) == 114  # 120 of the official map, less four with I and two identities
    assert CONTRACTIONS["y'allll"] == "y'all'll"
    assert CONTRACTIONS["'ow'sat"] == "'ow's'at"


def test_soft_scores_are_the_published_ones() -> None:
    people = ["a cat", "Cat"] + ["dog"] * 3 + ["two cats"] * 5
    assert soft_scores(people) == {"cat": 0.6, "dog": 0.9, "2 cats": 1.0}


@pytest.mark.skipif(not GOLD.is_dir(), reason=f"no {GOLD} (VLCLI_DATA_DIR names its root)")
@pytest.mark.parametrize("name", ["always_yes", "first_annotator", "majority"])
def test_parity_with_the_recorded_results_of_the_official_program(name: str) -> None:
    gold = json.loads((GOLD / "gold_lavis_vqaeval.json").read_text())[name]
    results = json.loads((GOLD / f"results_{name}.json").read_text())
    answers = {result["question_id"]: result["answer"] for result in results}
    reached: dict[str, list[float]] = defaultdict(list)
    for asked in json.loads((GOLD / "annotations.json").read_text())["annotations"]:
        people = [each["answer"] for each in asked["answers"]]
        score = vqa_accuracy(answers[asked["question_id"]], people)
        for group in ("overall", asked["question_type"]):
            reached[group].append(score)
    assert round(100 * mean(reached["overall"]), 2) == gold["overall"]
    for kind, value in gold["perQuestionType_yes_subset"].items():
        assert round(100 * mean(reached[kind]), 2) == value
