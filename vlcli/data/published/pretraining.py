"""LXMERT's pretraining texts: `lxmert/<split>.json` below data_root, and `lxmert/all_ans.json`.

A picture has sentences by source: captions of mscoco and vg, questions of vqa, gqa and visual7w
with soft labels. Pictures have their published names; those of mscoco_resplit_val have a file of
boxes of their own, `COCO/features/resplit_val_obj36.h5`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ..records import Record, checked
from ..references import joined, other_root
from .asked import Asked
from .files import a_picture, each_of, entries, given, no_split, wrong

CAPTIONS = ("mscoco", "vg")
QUESTIONS = ("vqa", "gqa", "visual7w")
RESPLIT = "mscoco_resplit_val"
SHORT = 2  # sentences of so many words or fewer are passed over
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SPELLINGS = {
    **{word: str(number) for number, word in enumerate(_NUMBERS, start=1)},
    "grey": "gray",
}


def pretrain(asked: Asked) -> list[Record]:
    """The records of each picture: one with its questions and the captions of its first source, and
    one more for each further source of captions.

    Only the first has `questions` (maybe none): what is learned once a picture is learned from it.
    `group` is the picture, `source` where captions are from. As published, a sentence counts once a
    picture, whatever its source, and not at all with two words or fewer, or when it is a question
    none of whose answers is in the table.
    """
    folder = asked.root / "lxmert"
    there = (path.stem for path in folder.glob("*.json") if path.stem != "all_ans")
    whose = "LXMERT's pretraining data, part of the data of VL-T5"
    what = no_split(asked.split, "texts", whose, there, asked.root)
    table = None if asked.caption_only or asked.coco_only else answer_table(asked)
    found = entries(folder / f"{asked.split}.json", what)
    make = partial(_records, asked, table)
    return [each for records in each_of(found, make, asked.each_fault) for each in records]


def answer_table(asked: Asked) -> frozenset[str]:
    """The answers that pretraining knows."""
    path = asked.root / "lxmert" / "all_ans.json"
    what = (
        "The answers of LXMERT's pretraining data, part of the data of VL-T5"
        f"{other_root(asked.root)}"
    )
    held = entries(path, what, "answer")
    return frozenset(each_of(held, _answer, asked.each_fault))


def _answer(entry: dict[str, Any], place: str) -> str:
    return entry["ans"] if isinstance(entry.get("ans"), str) else wrong("ans", "a text", place)


def plain_answer(answer: str) -> str:
    """An answer as the table spells it: lower case, without full stop and article, numbers as
    digits."""
    answer = answer.lower()
    if answer.endswith("."):
        answer = answer[:-1].strip()
    for article in ("a ", "an ", "the "):
        if answer.startswith(article):
            answer = answer[len(article) :].strip()
    return _SPELLINGS.get(answer, answer)


def known_answers(label: dict[str, float], table: frozenset[str]) -> dict[str, float]:
    """Soft labels by answers of the table; of answers that come to the same, the last one that is
    spelt otherwise counts, as published."""
    found = dict(label)
    for answer in label:
        plain = plain_answer(answer)
        if plain not in table:
            found.pop(answer)
        elif plain != answer:
            found[plain] = found.pop(answer)
    return found


def _records(
    asked: Asked, table: frozenset[str] | None, entry: dict[str, Any], place: str
) -> list[Record]:
    name = a_picture(entry, "img_id", place)
    texts, labels = _sources(entry, "sentf", place), _sources(entry, "labelf", place)
    wanted = ("mscoco",) if asked.coco_only else CAPTIONS
    seen: set[str] = set()
    questions: list[Record] = []
    captions: dict[str, list[str]] = {}
    for source, sentences in texts.items():
        if source in QUESTIONS and table is not None and source in labels:
            asks = _questions(name, source, sentences, labels[source], place)
            questions += _kept(asks, table, seen)
        elif source in wanted:
            captions[source] = _fresh(sentences, seen, source, place)
    shared = {"image": _image(asked, name), "group": name}
    said = {source: kept for source, kept in captions.items() if kept}
    first, *others = said or [""]
    spoken = {"captions": said[first], "source": first} if said else {}
    return [
        {"id": name, **shared, **spoken, "questions": questions},
        *(
            {"id": f"{name}-{source}", **shared, "captions": said[source], "source": source}
            for source in others
        ),
    ]


def _fresh(sentences: list[Any], seen: set[str], source: str, place: str) -> list[str]:
    found = []
    for sentence in sentences:
        if not isinstance(sentence, str):
            wrong("sentf", f"lists of texts by source, and {source} is none", place)
        if len(sentence.split()) > SHORT and sentence not in seen:
            seen.add(sentence)
            found.append(sentence)
    return found


def _questions(
    name: str, source: str, sentences: list[Any], labels: list[Any], place: str
) -> Iterator[Record]:
    if len(labels) != len(sentences):
        wrong("labelf", f"as long as sentf, and {source} is not", place)
    for number, (sentence, label) in enumerate(zip(sentences, labels, strict=True)):
        if not isinstance(label, dict):
            wrong("labelf", f"lists of objects by source, and {source} is none", place)
        question = {"text": sentence, "label": label, "kind": source}
        yield checked({"id": f"{name}_{source}_{number:03d}", **question}, place)


def _kept(asks: Iterator[Record], table: frozenset[str], seen: set[str]) -> Iterator[Record]:
    for question in asks:
        sentence = question["text"]
        if len(sentence.split()) <= SHORT or sentence in seen:
            continue
        label = known_answers(question["label"], table)
        if label:
            seen.add(sentence)
            yield {**question, "label": label}


def _sources(entry: dict[str, Any], name: str, place: str) -> dict[str, list[Any]]:
    held = given(entry, name, place)
    right = isinstance(held, dict) and all(isinstance(each, list) for each in held.values())
    return held if right else wrong(name, "an object from sources to lists", place)


def _image(asked: Asked, name: str) -> str:
    if asked.split == RESPLIT and asked.feature_type == "butd":
        return joined("COCO/features/resplit_val_obj36.h5", name)
    return name
