"""Pictures with captions become examples, and predictions become scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.contracts import Example, Task, Visual
from vlcli.data.shown import Shown
from vlcli.spec.problem import UserError
from vlcli.tasks.caption import Caption

from .answers import spec as plain
from .answers import written

SHOWN: dict[str, Any] = {
    "id": "p",
    "image": "p.png",
    "captions": ["a red circle ", "one circle, red", "a red thing"],
}


def spec(**args: Any) -> VLSpec:
    return plain(**{"prompt": "caption: ", **args})


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
    good = task.score(examples, written({"p": "a red circle", "q": "two blue squares"}))
    poor = task.score(examples, written({"p": "two blue squares", "q": "a red circle"}))
    assert set(good) == {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr", "examples"}
    assert good[task.best] > 1 > poor[task.best]
    assert good["examples"] == 2


SEEN: list[dict[str, Any]] = [
    *({"id": n, "captions": ["two red dogs run", f"{n} dogs"]} for n in "abcd"),
    *({"id": n, "captions": [f"{n} sits alone on grass"]} for n in "efgh"),
]


def test_the_prior_is_the_training_caption_that_fits_most_pictures() -> None:
    task = Caption(spec())
    assert task.prior == {}
    task.examples(SEEN, training=False)
    assert task.prior == {}
    task.examples(SEEN, training=True)
    assert task.prior == {"": "two red dogs run"}


def test_scores_stand_beside_those_of_the_prior() -> None:
    task = Caption(spec())
    judged = task.examples([*SEEN[:3], *SEEN[6:]], training=False)
    said = {example.id: example.references[0] for example in judged}
    alone = task.score(judged, written(said))
    task.prior = {"": "two red dogs run"}
    found = task.score(judged, written(said))
    assert {name: found[name] for name in alone} == alone
    assert {name for name in found if name not in alone} == {
        f"prior/{name}" for name in alone if name != "examples"
    }
    constant = task.score(judged, written(dict.fromkeys(said, "two red dogs run")))
    assert all(found[f"prior/{name}"] == constant[name] for name in alone if name != "examples")
    assert found["CIDEr"] > found["prior/CIDEr"] > 1
    assert task.notes(judged)["prior"] == 'of every picture "two red dogs run"'


def test_the_prior_is_judged_anew_on_other_examples() -> None:
    task = Caption(spec())
    task.prior = {"": "two red dogs run"}
    for shown in (SEEN[:4], SEEN[4:], SEEN[2:6]):
        judged = task.examples(shown, training=False)
        said = dict.fromkeys((each.id for each in judged), "two red dogs run")
        found = task.score(judged, written(said))
        assert found["prior/CIDEr"] == found["CIDEr"]


@pytest.mark.parametrize("java", [False, True])
def test_notes_name_the_tokenizer_and_what_is_missing(java: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr("vlcli.metrics.words.has_java", lambda: java)
    monkeypatch.setattr("vlcli.metrics.caption.has_java", lambda: java)
    monkeypatch.setattr("vlcli.metrics.caption.meteor", lambda pairs: 0.25)
    monkeypatch.setattr("vlcli.metrics.words.ptb_lines", list)
    task = Caption(spec())
    examples = task.examples([SHOWN], training=False)
    last = task.final()
    assert "METEOR" not in task.score(examples, written({"p": "a red circle"}))
    scores, notes = last.score(examples, written({"p": "a red circle"})), last.notes(examples)
    assert notes["tokenizer"] == ("ptb (Java)" if java else "treebank (Python)")
    assert scores.get("METEOR") == (0.25 if java else None)
    assert notes.get("METEOR", "not computed").startswith("not computed")
    assert ("METEOR" in notes) != java
    assert notes["SPICE"].startswith("not computed")


def test_pictures_without_captions_are_sentences() -> None:
    task = Caption(spec())
    bare = {"id": "bare", "image": "p.png"}
    with pytest.raises(UserError, match='Record "bare" has no "captions" to learn from'):
        task.examples([bare], training=True)
    with pytest.raises(UserError, match="None of the 1 pictures has captions"):
        task.score(task.examples([bare], training=False), written({"bare": "a cat"}))


def seen(example: Example, *names: str) -> Example:
    """The example with a picture of as many boxes as names."""
    boxes = torch.zeros(len(names) or 2, 4)
    return replace(example, visuals=(Visual(torch.zeros(len(boxes), 3), boxes, names),))


def test_oscar_tags_name_every_object_once() -> None:
    task = Caption(spec(oscar_tags=True, feature_type="butd"))
    (example,) = task.examples([SHOWN], training=False)
    assert task.look(example) == example  # nothing is seen
    looked = task.look(seen(example, Shown("red circle", "circle"), "tennis racket", "circle"))
    assert looked.text == "describe image with tags: circle tennis racket"


def test_without_oscar_tags_or_with_no_prefix_the_text_stays() -> None:
    for args in ({}, {"oscar_tags": True, "no_prefix": True}):
        task = Caption(spec(**args))
        (example,) = task.examples([SHOWN], training=False)
        assert task.look(seen(example, "red circle")).text == example.text


def test_boxes_without_names_are_a_sentence() -> None:
    task = Caption(spec(oscar_tags=True))
    (example,) = task.examples([SHOWN], training=False)
    with pytest.raises(UserError, match='The boxes of "p" have no names, and oscar_tags: true'):
        task.look(seen(example))


def test_there_is_no_file_to_submit() -> None:
    with pytest.raises(UserError, match="caption has no official test server"):
        Caption(spec()).submission([], {}, "test")
