"""ActivityNet-QA: texts, caps and results by kind."""

from __future__ import annotations

import pytest

from vlcli.tasks.activitynet import ActivityNet

from .answers import spec, written


def record(name: str, kind: str, answer: str) -> dict[str, object]:
    return {"id": name, "image": "v_1", "text": "is it?", "answers": [answer], "kind": kind}


def test_an_example_holds_the_published_text_and_caps() -> None:
    (example,) = ActivityNet(spec(prompt="")).examples([record("v_1_1", "yes_no", "yes")], True)
    assert (example.text, example.target, example.weight) == ("is it?", "yes", 1)
    assert (example.max_text, example.max_target, example.averaged) == (20, 10, "example")
    assert example.images == ("v_1",)


def test_most_kinds_are_free() -> None:
    task = ActivityNet(spec())
    records = [
        record("1", "motion", "run"),
        record("2", "yes_no", "yes"),
        record("3", "other", "dog"),
        record("4", "location", "left"),
    ]
    scores = task.score(
        task.examples(records, training=False),
        written({"1": "run", "2": "yes", "3": "cat", "4": "right"}),
    )
    assert scores == pytest.approx(
        {
            "accuracy": 50,
            "accuracy/motion": 100,
            "accuracy/yes_no": 100,
            "accuracy/other": 0,
            "accuracy/location": 0,
            "accuracy/free": 100 / 3,
            "examples": 4,
        }
    )
