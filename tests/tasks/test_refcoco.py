"""Referring expressions: right boxes, drawn targets, accuracy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vlcli.contracts import Example, Prediction, Visual
from vlcli.spec.problem import Unjudged, UserError
from vlcli.tasks.refcoco import Refcoco

BOXES = [[0, 0, 20, 20], [0, 0, 22, 20], [30, 30, 60, 60]]


def task(**values: Any) -> Refcoco:
    base = {
        "prompt": "visual grounding: ",
        "max_text_length": 30,
        "n_boxes": 36,
        "shuffle_boxes": False,
        "only_boxes": False,
        "seed": 1,
    }
    return Refcoco(SimpleNamespace(**{**base, **values}))


def record(**values: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "image": "a.png",
        "text": "the red one",
        "box": [0, 0, 20, 20],
        "boxes": BOXES,
        "width": 64,
        "height": 64,
        **values,
    }


def seen(example: Example) -> Example:
    boxes = torch.tensor(example.regions)
    features = torch.arange(len(boxes)).float()[:, None]
    return replace(example, visuals=(Visual(features, boxes),))


def test_the_text_asks_and_a_region_answers() -> None:
    held = task()
    (example,) = held.examples([record()], training=True)
    assert example.text == "visual grounding: the red one"
    assert example.regions[0] == (0, 0, 20 / 64, 20 / 64)
    assert example.candidates == ()
    looked = held.look(seen(example))
    assert set(looked.labels) == {"<vis_extra_id_0>", "<vis_extra_id_1>"}
    assert looked.labels["<vis_extra_id_0>"] == 1
    assert looked.labels["<vis_extra_id_1>"] == pytest.approx(21 * 21 / (23 * 21))


def test_a_right_box_is_drawn_likelier_the_better_it_fits() -> None:
    held = task()
    (example,) = held.examples([record()], training=True)
    looked = held.look(seen(example))
    drawn = Counter(held.redraw(looked, epoch).target for epoch in range(400))
    assert set(drawn) == set(looked.labels)
    assert drawn["<vis_extra_id_0>"] / 400 == pytest.approx(1 / (1 + 441 / 483), abs=0.06)


def test_a_phrase_without_a_right_box_has_no_target() -> None:
    held = task()
    (example,) = held.examples([record(boxes=[[30, 30, 60, 60]])], training=True)
    assert held.redraw(held.look(seen(example)), 0).target is None


def test_shuffled_boxes_keep_their_names_right() -> None:
    held = task(shuffle_boxes=True)
    (example,) = held.examples([record(boxes=[BOXES[2], BOXES[0]])], training=True)
    looked = held.look(seen(example))
    orders = set()
    for epoch in range(10):
        drawn = held.redraw(looked, epoch)
        at = int((drawn.target or "").removeprefix("<vis_extra_id_").removesuffix(">"))
        assert drawn.visuals[0].boxes[at].tolist() == [0, 0, 20 / 64, 20 / 64]
        assert drawn.visuals[0].features[at].item() == 1
        orders.add(at)
    assert orders == {0, 1}


def test_boxes_of_pixels_are_shuffled_alone() -> None:
    """The features are yet to come of the boxes."""
    held = task(shuffle_boxes=True)
    (example,) = held.examples([record(boxes=[BOXES[2], BOXES[0]])], training=True)
    pixels = torch.zeros(8, 8, 3, dtype=torch.uint8)
    picture = Visual(torch.zeros(0, 0), torch.tensor(example.regions), pixels=pixels)
    looked = held.look(replace(example, visuals=(picture,)))
    targets = set()
    for epoch in range(10):
        drawn = held.redraw(looked, epoch)
        at = int((drawn.target or "").removeprefix("<vis_extra_id_").removesuffix(">"))
        assert drawn.visuals[0].boxes[at].tolist() == [0, 0, 20 / 64, 20 / 64]
        assert drawn.visuals[0].pixels is pixels
        targets.add(at)
    assert targets == {0, 1}


def test_a_picture_without_boxes_to_choose_among_is_a_sentence() -> None:
    held = task()
    (example,) = held.examples([record(boxes=[])], training=False)
    pixels = torch.zeros(8, 8, 3, dtype=torch.uint8)
    picture = Visual(torch.zeros(0, 0), torch.zeros(0, 4), pixels=pixels)
    with pytest.raises(UserError, match='Example "1" has no "boxes" to choose among'):
        held.look(replace(example, visuals=(picture,)))


def test_only_boxes_are_candidates_where_asked() -> None:
    held = task(only_boxes=True)
    (example,) = held.examples([record()], training=False)
    assert held.look(seen(example)).candidates == tuple(f"<vis_extra_id_{i}>" for i in range(3))


def test_accuracy_over_all_and_what_can_be_reached() -> None:
    held = task()
    records = [record(id="1"), record(id="2", boxes=BOXES[2:]), record(id="3", box=None)]
    looked = [held.look(seen(each)) for each in held.examples(records, training=False)]
    said = {id: Prediction(id, "<vis_extra_id_1>") for id in "123"}
    scores = held.score(looked, said)
    assert scores == {"accuracy": 50, "reachable": 50, "examples": 2}


def test_the_prior_is_the_most_frequent_right_place() -> None:
    held = task()
    held.examples([record(id=str(i), boxes=[BOXES[2], BOXES[0]]) for i in range(3)], training=True)
    assert held.prior[""] == "<vis_extra_id_1>"


def test_without_boxes_to_judge_by_there_is_no_score() -> None:
    held = task()
    looked = [held.look(seen(each)) for each in held.examples([record(box=None)], training=False)]
    with pytest.raises(Unjudged, match="None of the 1 phrases has a box"):
        held.score(looked, {"1": Prediction("1", "x")})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"box": None}, 'Record "1" has no "box", the box to learn.'),
        ({"text": None}, 'Record "1" has no "text", the phrase.'),
        ({"box": [0, 0, 80, 20]}, "inside the 64 x 64 picture"),
        ({"boxes": [[9, 9, 3, 3]]}, "inside the 64 x 64 picture"),
        ({"width": None}, 'only one of "width" and "height"'),
        ({"width": None, "height": None}, "give width and height"),
    ],
)
def test_bad_records_are_told_with_their_id(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        task().examples([record(**values)], training=True)
    assert caught.value.exit_code == 3
