"""Alignment: pairs to learn, and pictures and texts that look for each other."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from vlcli.contracts import Example, Prediction
from vlcli.spec.problem import Unjudged, UserError
from vlcli.tasks.alignment import Alignment

RECORDS = [
    {"id": "a", "image": "a.png", "captions": ["a red circle", " one circle "]},
    {"id": "b", "image": "b.png", "captions": ["a blue square"]},
]


LABELS = ("tabby_cat", "dog", "tabby_cat")
TEMPLATE = "a photo of a {}."


def task(choice: str = "random") -> Alignment:
    return Alignment(
        SimpleNamespace(seed=1, caption_choice=choice, prompt_templates=TEMPLATE, class_names=None)
    )


def said(examples: list[Example], texts: dict[str, list[float]]) -> dict[str, Prediction]:
    """Pictures a and b stand on the two axes, texts as told."""
    axes = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
    found = {}
    for each in examples:
        side = "image" if each.images else "text"
        vector = axes[each.id] if each.images else texts[each.id]
        found[each.id] = Prediction(each.id, "", vectors={side: torch.tensor(vector)})
    return found


def test_an_epoch_draws_a_caption_of_every_picture() -> None:
    examples = task().examples(RECORDS, training=True)
    assert [each.id for each in examples] == ["a", "b"]
    drawn = {task().redraw(examples[0], epoch).target for epoch in range(20)}
    assert drawn == {"a red circle", "one circle"}
    assert task().redraw(examples[0], 3) == task().redraw(examples[0], 3)


def test_or_all_of_them_are_pairs() -> None:
    examples = task("all").examples(RECORDS, training=True)
    assert [each.id for each in examples] == ["a#0", "a#1", "b#0"]
    assert [task("all").redraw(each, 0).target for each in examples] == [
        "a red circle",
        "one circle",
        "a blue square",
    ]


def test_what_cannot_be_learned_from_is_told() -> None:
    with pytest.raises(UserError, match='Record "c" has no "captions"'):
        task().examples([{"id": "c", "image": "c.png", "captions": [" "]}], training=True)
    with pytest.raises(UserError, match='Record "c" has no "image"'):
        task().examples([{"id": "c", "captions": ["one"]}], training=True)


def test_recall_counts_each_way() -> None:
    examples = task().examples(RECORDS, training=False)
    right = {"a#0": [1.0, 0.1], "a#1": [0.1, 0.9], "b#0": [0.2, 1.0]}
    scores = task().score(examples, said(examples, right))
    assert scores["R@1/image to text"] == 100.0
    assert scores["R@1/text to image"] == pytest.approx(200 / 3)
    assert scores["R@1"] == pytest.approx((100 + 200 / 3) / 2)
    assert scores["R@5"] == 100.0
    assert scores["mean_recall"] == pytest.approx((scores["R@1"] + 200) / 3)
    assert scores["prior/R@1/text to image"] == 50.0
    assert scores["prior/R@1/image to text"] == pytest.approx(50.0)
    assert scores["examples"] == 2


def test_the_best_partner_of_each_is_shown() -> None:
    examples = task().examples(RECORDS, training=False)
    right = {"a#0": [1.0, 0.1], "a#1": [0.1, 0.9], "b#0": [0.2, 1.0]}
    shown = task().settle(examples, said(examples, right))
    assert {name: each.text for name, each in shown.items()} == {
        "a": "a red circle",
        "b": "a blue square",
        "a#0": "a.png",
        "a#1": "b.png",
        "b#0": "b.png",
    }


def test_records_of_one_picture_count_as_one() -> None:
    twice = [{"id": f"{n}", "image": "a.png", "captions": [c]} for n, c in enumerate("xy")]
    examples = task().examples([*twice, RECORDS[1]], training=False)
    assert [each.id for each in examples] == ["0", "0#0", "0#1", "b", "b#0"]
    assert examples[0].references == ("x", "y")


def test_a_caption_of_two_pictures_is_right_for_both() -> None:
    shared = [{**record, "captions": ["A  shape", record["id"]]} for record in RECORDS]
    shared[1]["captions"][0] = "a shape"
    examples = task().examples(shared, training=False)
    right = {"a#0": [1.0, 0.9], "a#1": [0.9, 0.0], "b#0": [1.0, 0.9], "b#1": [0.0, 0.8]}
    scores = task().score(examples, said(examples, right))
    assert scores["R@1"] == 100.0
    assert scores["prior/R@1/text to image"] == 75.0
    assert scores["prior/R@1/image to text"] == pytest.approx(200 / 3)
    assert "4 texts, of which 1 say" in task().notes(examples)["retrieval"]


def test_a_class_alone_is_learned_by_sentences_that_say_so() -> None:
    records = [{"id": n, "image": f"{n}.png", "label": label} for n, label in enumerate(LABELS)]
    learner = task()
    learner.args.prompt_templates = "cifar"
    learned = learner.examples(records, training=True)
    assert [each.labels for each in learned] == [{label: 1.0} for label in LABELS]
    said = {learner.redraw(learned[0], epoch).target for epoch in range(200)}
    assert len(said) == 18
    assert {"a photo of a tabby cat.", "a blurry photo of the tabby cat."} < said
    asked = learner.examples(records, training=False)
    assert [each.text for each in asked if each.text] == [
        "a photo of a tabby cat.",
        "a photo of a dog.",
        "a photo of a tabby cat.",
    ]


def test_texts_of_a_picture_that_cannot_be_read_are_left_out() -> None:
    examples = [each for each in task().examples(RECORDS, False) if each.id != "a"]
    vectors = {"a#0": [1.0, 0.1], "a#1": [0.1, 0.9], "b#0": [0.2, 1.0]}
    assert task().score(examples, said(examples, vectors))["R@1"] == 100.0


def test_pictures_without_captions_cannot_be_judged() -> None:
    examples = task().examples([{"id": "a", "image": "a.png"}], training=False)
    with pytest.raises(Unjudged):
        task().score(examples, said(examples, {}))
