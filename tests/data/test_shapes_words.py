"""The words of the built-in data set give no answer away; for translations and masked captions it
is measured how much they leave open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vlcli.data import shapes
from vlcli.data.shapes.unresolved import masked_share, renderings_share

from .shapes_words import Asked, from_text, prior

NUMBERS = {"train": 2400, "valid": 60, "test": 1000}
Record = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> shapes.Shapes:
    return shapes.load(shapes.SEED, NUMBERS, tmp_path_factory.mktemp("cache"))


def answered(record: Record) -> Asked:
    """Counts of everything are a kind of their own: a picture has 2 to 5 objects, of a colour or
    shape 0 to 3."""
    everything = record["text"].startswith("how many objects")
    return Asked(f"{record['kind']} {everything}", record["text"], record["answers"][0])


def labelled(record: Record) -> Asked:
    return Asked(record["kind"], record["text"], record["label"])


def chosen(record: Record) -> Asked:
    text = f"{record['text']} {record.get('subtitles', '')}"
    return Asked(record["kind"], text, record["label"], tuple(record["choices"]))


def reasoned(record: Record) -> Asked:
    text = f"{record['text']} {record['choices'][record['label']]}"
    return Asked(record["kind"], text, record["rationale_label"], tuple(record["rationales"]))


def pointed(record: Record) -> Asked:
    return Asked("", record["text"], record["boxes"].index(record["box"]))


def classed(record: Record) -> Asked:
    return Asked("", "", record["label"])


READINGS: dict[str, tuple[str, Callable[[Record], Asked]]] = {
    "vqa": ("vqa", answered),
    "gqa": ("gqa", answered),
    "nlvr": ("nlvr", labelled),
    "vcr, answer": ("vcr", chosen),
    "vcr, reason": ("vcr", reasoned),
    "refcoco": ("refcoco", pointed),
    "cls": ("cls", classed),
    "tvqa": ("tvqa", chosen),
    "how2qa": ("how2qa", chosen),
    "activitynet": ("activitynet", answered),
}


@pytest.mark.parametrize("name", READINGS)
def test_a_reader_of_the_words_stays_at_the_prior(data: shapes.Shapes, name: str) -> None:
    task, reading = READINGS[name]
    train, test = ([reading(r) for r in data.records(split, task)] for split in ("train", "test"))
    assert from_text(train, test) < prior(train, test) + 0.03


def test_the_reader_finds_what_is_given_away() -> None:
    """Of answers and of choices: a slight lean in one word is seen."""
    names = ("red", "blue")
    leaning = [Asked("", f"is it {names[i % 5 == 0]}?", "yes" if i % 3 else "no") for i in range(9)]
    assert from_text(leaning, leaning) > prior(leaning, leaning) - 1e-9
    told = [Asked("", f"what is {x}?", i % 2, tuple(names)) for i, x in enumerate("ab" * 50)]
    assert (prior(told, told), from_text(told, told)) == (0.5, 1.0)
    said = [Asked("", f"what is {x}?", str(i % 2)) for i, x in enumerate("ab" * 50)]
    assert (prior(said, said), from_text(said, said)) == (0.5, 1.0)


def test_every_sentence_of_nlvr_is_as_often_true_as_false(data: shapes.Shapes) -> None:
    groups: dict[str, list[Record]] = {}
    for record in data.records("train", "nlvr"):
        groups.setdefault(record["group"], []).append(record)
    for held in groups.values():
        assert sorted(r["label"] for r in held) == ["false", "false", "true", "true"]
        assert len({record["text"] for record in held}) == 1


def test_half_of_the_translations_need_the_picture(data: shapes.Shapes) -> None:
    splits = {split: data.records(split, "mmt") for split in shapes.SPLITS}
    everything = [record for held in splits.values() for record in held]
    share = renderings_share(splits["test"], everything)
    assert 0.45 < share < 0.55
    for record in splits["test"]:
        if "colored" not in record["text"]:
            assert renderings_share([record], everything) == 0


def test_a_good_part_of_masked_words_needs_the_picture(data: shapes.Shapes) -> None:
    train, test = (data.records(split, "caption") for split in ("train", "test"))
    assert 0.2 < masked_share(train, test) < 0.6
    told = [{"captions": ["a red circle"]}, {"captions": ["a red circle"]}]
    assert (
        masked_share(told, [{"captions": ["a red circle", "a blue circle"]}]) == 1 / 3
    )  # "blue", and "circle" after it
