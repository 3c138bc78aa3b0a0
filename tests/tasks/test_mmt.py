"""Multi30k: captions to translate become examples, and translations become BLEU."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from vlcli.contracts import Visual
from vlcli.data.shown import Shown
from vlcli.spec.problem import UserError
from vlcli.tasks.mmt import Mmt

from .answers import spec, written

SAID: dict[str, Any] = {
    "id": "1",
    "image": "1.jpg",
    "text": "A red dog runs .",
    "answers": ["Ein roter Hund rennt ."],
}
PROMPT = "translate English to German: "


def one(name: str, german: str, split: str = "val") -> dict[str, Any]:
    return SAID | {"id": name, "answers": [german], "split": split}


def test_an_example_holds_the_published_text_and_caps() -> None:
    task = Mmt(spec(prompt=PROMPT, max_text_length=40, gen_max_length=40))
    (example,) = task.examples([SAID], training=True)
    assert example.text == "translate English to German: A red dog runs ."
    assert (example.id, example.target) == ("1", "Ein roter Hund rennt .")
    assert (example.max_text, example.max_target, example.max_written) == (40, 40, 40)
    assert (example.averaged, example.weight, example.images) == ("token", 1, ("1.jpg",))


def test_every_translation_is_learned_and_all_judge() -> None:
    task, twice = Mmt(spec()), SAID | {"answers": ["Ein Hund .", "Der Hund ."]}
    assert [(e.id, e.target) for e in task.examples([twice], training=True)] == [
        ("1#0", "Ein Hund ."),
        ("1#1", "Der Hund ."),
    ]
    (example,) = task.examples([twice], training=False)
    assert (example.target, example.references) == (None, ("Ein Hund .", "Der Hund ."))


def test_oscar_tags_follow_the_sentence() -> None:
    task = Mmt(spec(prompt=PROMPT, oscar_tags=True))
    (example,) = task.examples([SAID], training=False)
    names = (Shown("red dog", "dog"), Shown("big dog", "dog"), "grass")
    seen = replace(example, visuals=(Visual(torch.zeros(3, 2), torch.zeros(3, 4), names),))
    assert task.look(seen).text == f"{PROMPT}A red dog runs . tags: dog grass"
    assert task.look(example) == example
    assert Mmt(spec(prompt=PROMPT)).look(seen).text == example.text


def test_a_perfect_translation_reaches_100_in_any_case() -> None:
    task = Mmt(spec())
    task.examples([one("0", "Ein Hund rennt ."), one("00", "Ein Hund rennt .")], training=True)
    assert task.prior == {"": "Ein Hund rennt ."}
    judged = task.examples([one("1", "Ein roter Hund rennt ."), SAID | {"id": "2"}], False)
    said = written({"1": "ein roter hund rennt .", "2": "Ein roter Hund rennt ."})
    scores = task.score(judged, said)
    assert scores["BLEU"] == pytest.approx(100)
    assert 0 < scores["prior"] < 60
    assert (scores["examples"], set(scores)) == (2, {"BLEU", "prior", "examples"})
    assert task.best in scores
    assert task.notes(judged)["BLEU"].startswith("sacrebleu nrefs:1|case:lc|eff:no|tok:13a")


def test_several_splits_are_told_apart_and_submitted_each() -> None:
    task = Mmt(spec())
    judged = task.examples(
        [
            one("1", "Ein roter Hund rennt .", "test_2016_flickr"),
            one("2", "Zwei Hunde spielen im Gras .", "test_2017_flickr"),
            one("3", "Ein Mann schläft auf der Bank .", "test_2016_flickr"),
        ],
        training=False,
    )
    said = written(
        {"1": " Ein roter Hund rennt . ", "2": "NEIN", "3": "Ein Mann schläft auf der Bank ."}
    )
    scores = task.score(judged, said)
    assert scores["BLEU/test_2016_flickr"] == pytest.approx(100)
    assert scores["BLEU/test_2017_flickr"] < 1 < scores["BLEU"] < 100
    assert task.submission(judged, said, "test_2016_flickr,test_2017_flickr") == {
        "submit_test_2016_flickr_raw.txt": (
            "ein roter hund rennt .\nein mann schläft auf der bank ."
        ),
        "submit_test_2017_flickr_raw.txt": "nein",
    }


def test_what_cannot_be_learned_or_judged_is_a_sentence() -> None:
    task, bare = Mmt(spec()), {"id": "1", "text": "A dog ."}
    with pytest.raises(UserError, match='Record "1" has no "answers" to learn from'):
        task.examples([bare], training=True)
    with pytest.raises(UserError, match="None of the 1 sentences has a translation"):
        task.score(task.examples([bare], training=False), written({"1": "Ein Hund ."}))
    with pytest.raises(UserError, match='Record "1" has no "text", the sentence to translate'):
        task.examples([{"id": "1", "answers": ["x"]}], training=True)
