"""Clips: subtitles, questions and captions become texts, and answers become scores and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from vlcli.spec.problem import UserError
from vlcli.tasks.video import How2qa, Tvc, Tvqa, Yc2c, shortened, tokens

from .answers import spec, written

DATA = Path(os.environ.get("VLCLI_DATA_DIR", "../shared/data"))
ASKED: dict[str, Any] = {
    "id": "122039",
    "image": "grey_s03e20",
    "text": " What does Izzie do? ",
    "choices": ["Cry. ", "Laugh", "Run away.", " Sleep", "Eat ..."],
    "label": 2,
    "subtitles": "Izzie: No! Meredith: Wait.",
    "time": "12.3-15.0",
    "kind": "Grey",
}
SHOWN: dict[str, Any] = {
    "id": "90200",
    "image": "friends_s01e03",
    "captions": ["Ross opens the door.", "A man comes in."],
    "subtitles": "Ross: Hi.",
    "time": "[17.5, 23.46]",
}
ROOM = {"prompt": "", "max_text_length": 600}


def test_a_question_has_the_published_text() -> None:
    (example,) = Tvqa(spec(**ROOM)).examples([ASKED], training=True)
    assert example.text == (
        "[Subs] Izzie: No! Meredith: Wait. [Q] What does Izzie do? [TS] (12.3-15.0) [Choices] "
        "a0: Cry. a1: Laugh. a2: Run away. a3: Sleep. a4: Eat. "
    )
    assert (example.target, example.labels, example.kind) == ("a2", {"a2": 1.0}, "Grey")
    assert (example.max_text, example.max_target, example.max_written) == (600, 20, 20)
    assert (example.averaged, example.weight, example.images) == ("example", 1, ("grey_s03e20",))


def test_prompts_stand_at_the_end() -> None:
    short = ASKED | {"choices": ["x", "y", "z", "w"], "time": None, "subtitles": ""}
    (example,) = How2qa(spec(prompt="how2qa: ", max_text_length=600)).examples([short], True)
    assert example.text == (
        "[Subs]  [Q] What does Izzie do? [Choices] a0: x. a1: y. a2: z. a3: w. how2qa: "
    )


def test_captions_have_the_published_texts() -> None:
    args = spec(prompt="tvc: ", max_text_length=600, gen_max_length=30)
    first, second = Tvc(args).examples([SHOWN], training=True)
    assert first.text == "[Subs] Ross: Hi. [TS] ([17.5, 23.46]) tvc: "
    assert (first.target, second.target) == ("Ross opens the door.", "A man comes in.")
    assert (first.averaged, first.max_text, first.max_target) == ("example", 600, 20)
    assert first.max_written == 30
    (clip,) = Yc2c(spec(**ROOM)).examples([SHOWN], training=False)
    assert (clip.text, clip.task) == ("[Subs] Ross: Hi. ", "yc2c")


def test_long_subtitles_lose_their_end_and_nothing_else() -> None:
    long = ASKED | {"subtitles": " ".join(f"word{n}" for n in range(1000))}
    (example,) = Tvqa(spec(prompt="tvqa: ", max_text_length=600)).examples([long], training=True)
    assert example.text.startswith("[Subs] word0 word1 ")
    assert example.text.endswith(
        " [Q] What does Izzie do? [TS] (12.3-15.0) [Choices] "
        "a0: Cry. a1: Laugh. a2: Run away. a3: Sleep. a4: Eat. tvqa: "
    )
    assert 500 < tokens(example.text) <= 540


def test_texts_are_cut_between_words() -> None:
    assert tokens("I can't, Zoë") == 8
    assert shortened("one  two", 2) == "one  two"  # what fits is left as it is
    assert shortened("one  two three", 2) == "one two"
    assert shortened("one", 0) == shortened("one", -5) == ""


def family(name: str) -> Any:
    path = DATA / "tokenizers" / name / "tokenizer.json"
    if not path.is_file():
        pytest.skip(f"no {path} (VLCLI_DATA_DIR names its root)")
    return PreTrainedTokenizerFast(tokenizer_file=str(path))


@pytest.mark.parametrize("name", ["t5_fast", "bart"])
def test_the_question_always_fits_in_real_tokens(name: str) -> None:
    """Of texts as long as the limit allows, the tokens of both tokenizers stay within it."""
    tokenizer = family(name)
    source = DATA / "flickr8k" / "text" / "Flickr8k.token.txt"
    lines = [line.split("\t")[1] for line in source.read_text(encoding="utf-8").splitlines()]
    task = Tvqa(spec(prompt="tvqa: ", max_text_length=600))
    numbers = [str(number) for number in range(5)]
    longest = 0
    for start in range(0, len(lines) - 100, 400):
        held = lines[start : start + 100]
        odd = " ".join(f"({line.upper()})" if n % 7 == 0 else line for n, line in enumerate(held))
        for choices in (held[:5], numbers):
            record = ASKED | {"subtitles": odd, "text": held[5], "choices": choices}
            (example,) = task.examples([record], training=True)
            longest = max(longest, len(tokenizer(example.text)["input_ids"]))
    assert 400 < longest <= 600


def test_answers_are_scored_over_all_questions_by_kind() -> None:
    task = Tvqa(spec(**ROOM))
    task.examples([ASKED, ASKED | {"label": 0, "kind": "House"}], training=True)
    records = [
        ASKED | {"id": "1"},
        ASKED | {"id": "2", "label": 1},
        ASKED | {"id": "3", "label": 0, "kind": "House"},
        ASKED | {"id": "4", "label": None},
    ]
    asked = task.examples(records, training=False)
    assert all(each.target is None for each in asked)
    scores = task.score(asked, written({"1": "a2", "2": "a2", "4": "a1"}))  # nothing of 3
    assert scores == pytest.approx(
        {
            "accuracy": 100 / 3,
            "accuracy/Grey": 50,
            "accuracy/House": 0,
            "prior": 200 / 3,
            "prior/Grey": 50,
            "prior/House": 100,
            "examples": 3,
        }
    )


@pytest.mark.parametrize(
    ("task", "file"),
    [(Tvqa, "tvqa_test_predictions.json"), (How2qa, "how2qa_test_public_predictions.json")],
)
def test_the_test_file_of_questions_is_the_published_one(task: Any, file: str) -> None:
    test = ASKED | {"label": None}
    asked = task(spec(**ROOM)).examples([test | {"id": n} for n in "123456"], training=False)
    said = written({"1": "a3", "2": "a0", "3": "", "4": "a", "5": "yes", "6": "a4 a1"})
    text = '{"1": 3, "2": 0, "3": 0, "4": 0, "5": 0, "6": 4}'
    assert task(spec()).submission(asked, said, "test_public") == {file: text}


def test_the_test_file_of_captions_is_the_published_one() -> None:
    bare = {key: value for key, value in SHOWN.items() if key != "captions"}
    said = written({"90200": 'Ross says "hi".', "7": "A man."})
    task = Tvc(spec(**ROOM))
    clips = [bare, bare | {"id": "7", "clip_id": 8, "vid_name": "x", "ts": [1.0, 2]}]
    assert task.submission(task.examples(clips, training=False), said, "test_release") == {
        "tvc_test_predictions.jsonl": (
            '{"vid_name": "friends_s01e03", "clip_id": 90200, "ts": [17.5, 23.46], '
            '"descs": [{"desc": "Ross says \\"hi\\"."}]}\n'
            '{"vid_name": "x", "clip_id": 8, "ts": [1.0, 2], "descs": [{"desc": "A man."}]}\n'
        )
    }
    other = Yc2c(spec(**ROOM))
    assert other.submission(other.examples([bare], training=False), said, "test_release") == {
        "yc2c_test_predictions.jsonl": (
            '{"vid_name": "friends_s01e03", "clip_id": 90200, '
            '"descs": [{"desc": "Ross says \\"hi\\"."}]}\n'
        )
    }


def test_captions_are_scored_like_those_of_pictures() -> None:
    task = Yc2c(spec(**ROOM), tokenizer="treebank")
    other = SHOWN | {"id": "2", "captions": ["Chop two onions on a board."]}
    task.examples([SHOWN, other], training=True)
    judged = task.examples([SHOWN, other], training=False)
    said = written({"90200": "Ross opens the door.", "2": "Chop two onions on a board."})
    scores = task.score(judged, said)
    assert scores[task.best] > scores["prior/CIDEr"] > 0
    assert scores["examples"] == 2
    assert task.final().with_meteor


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": None}, 'Record "122039" has no "label" to learn from'),
        ({"label": 5}, 'Record "122039": "label" is 5; .* 5 choices, from 0 to 4'),
        ({"label": True}, 'Record "122039": "label" is true; it must be the number'),
        ({"choices": None}, 'Record "122039" has no "choices", the answers to choose from'),
        ({"text": None}, 'Record "122039" has no "text", the question'),
    ],
)
def test_what_cannot_be_learned_names_its_record(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Tvqa(spec(**ROOM)).examples([ASKED | change], training=True)


def test_nothing_known_is_a_sentence() -> None:
    task = Tvqa(spec(**ROOM))
    asked = task.examples([ASKED | {"label": None}], training=False)
    with pytest.raises(UserError, match="None of the 1 questions has an answer"):
        task.score(asked, written({"122039": "a1"}))
