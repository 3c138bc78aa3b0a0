"""Pictures with captions become examples, and predictions become scores."""

from __future__ import annotations

from typing import Any

import pytest

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.contracts import Task
from vlcli.spec.problem import UserError
from vlcli.tasks.caption import Caption

SHOWN: dict[str, Any] = {
    "id": "p",
    "image": "p.png",
    "captions": ["a red circle ", "one circle, red", "a red thing"],
}


def spec(**args: Any) -> VLSpec:
    return VLSpec(**{"prompt": "caption: ", **args})


def test_training_takes_every_caption() -> None:
    examples = Caption(spec(gen_max_length=40)).examples([SHOWN], training=True)
    assert [example.target for example in examples] == [
        "a red circle",
        "one circle, red",
        "a red thing",
    ]
    assert len({example.id for example in examples}) == 3
    assert {(e.averaged, e.max_target, e.images) for e in examples} == {("token", 40, ("p.png",))}


def test_evaluation_takes_every_picture_once_with_all_captions() -> None:
    (example,) = Caption(spec()).examples([SHOWN], training=False)
    assert (example.id, example.target) == ("p", None)
    assert example.references == ("a red circle", "one circle, red", "a red thing")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({}, "caption: "),
        ({"prefix": "span"}, "span prediction:"),
        ({"prefix": "denoise"}, "denoise text: <mask>"),
        ({"prefix": "mask"}, "<mask>"),
        ({"no_prefix": True, "prefix": "span"}, ""),
    ],
)
def test_the_text_before_the_picture_is_the_published_one(args: dict[str, Any], text: str) -> None:
    (example,) = Caption(spec(**args)).examples([SHOWN], training=False)
    assert example.text == text


def test_scores_rise_with_agreement() -> None:
    task: Task = Caption(spec())
    shown = [SHOWN, {"id": "q", "captions": ["two blue squares", "blue squares side by side"]}]
    examples = task.examples(shown, training=False)
    good = task.score(examples, {"p": "a red circle", "q": "two blue squares"})
    poor = task.score(examples, {"p": "two blue squares", "q": "a red circle"})
    assert set(good) == {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr", "examples"}
    assert good[task.best] > 1 > poor[task.best]
    assert good["examples"] == 2


def test_the_best_constant_is_one_caption_for_all() -> None:
    task = Caption(spec())
    shown = [{"id": n, "captions": ["two red dogs run", f"{n} dogs"]} for n in "abcd"]
    shown += [{"id": n, "captions": [f"{n} sits alone on grass"]} for n in "efgh"]
    text, scores = task.constant(task.examples(shown, training=False))
    assert text == "two red dogs run"
    assert scores["CIDEr"] > 1
    assert scores["examples"] == 8


def test_notes_name_the_tokenizer_and_what_is_missing() -> None:
    notes = Caption(spec()).notes([])
    assert notes["tokenizer"] == "treebank (Python)"
    assert notes["METEOR"].startswith("not computed")
    assert notes["SPICE"].startswith("not computed")


def test_pictures_without_captions_are_sentences() -> None:
    task = Caption(spec())
    bare = {"id": "bare", "image": "p.png"}
    with pytest.raises(UserError, match='Record "bare" has no "captions" to learn from'):
        task.examples([bare], training=True)
    with pytest.raises(UserError, match="None of the 1 pictures has captions"):
        task.score(task.examples([bare], training=False), {"bare": "a cat"})
