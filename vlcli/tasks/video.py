"""Clips with subtitles: questions with choices (TVQA, How2QA) and captions (TVC, YouCook2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vlcli.contracts import Example, Prediction

from .base import (
    Record,
    needed,
    nothing_to_learn,
    position,
    published,
    record_id,
    record_images,
    record_kind,
)
from .caption import Captioning
from .labelled import Labelled, one_answer

LONGEST_TARGET = 20  # tokens
SPARE = 0.1  # of a text's tokens are kept for words that take more than they are counted as
_PIECE = re.compile(r"[A-Za-z]{1,3}|\S")
_SECONDS = re.compile(r"\d+(?:\.\d+)?")


def with_subtitles(record: Record, parts: Sequence[str], args: Any) -> str:
    """The published text: subtitles, `parts`, then the prompt.

    The published code cuts what is too long at its end, where question, choices and prompt stand;
    here subtitles lose their last words instead.
    """
    after = [*parts, f"{args.prompt}{args.post_prompt}"]
    room = int((1 - SPARE) * args.max_text_length) - tokens(" ".join(["[Subs]", *after]))
    subtitles = shortened(record.get("subtitles", "").strip(), room)
    return " ".join([f"[Subs] {subtitles}", *after])


def tokens(text: str) -> int:
    """About how many tokens a text takes, rather too many: three letters, a digit or a mark are
    one, and what is not ASCII as many as it has bytes."""
    return len(_PIECE.findall(text)) + len(text.encode()) - len(text)


def shortened(text: str, room: int) -> str:
    """The text, or as many of its first words as take `room` tokens."""
    if tokens(text) <= room:
        return text
    kept: list[str] = []
    for word in text.split():
        room -= tokens(word)
        if room < 0:
            break
        kept.append(word)
    return " ".join(kept)


def moment(record: Record) -> list[str]:
    """The part of the clip that is meant, as texts say it."""
    return [f"[TS] ({record['time']})"] if record.get("time") else []


class ClipQuestions(Labelled):
    """Questions about clips: the answer is the name of a choice, a0 to a4.

    Accuracy is over all questions that are given and have a known answer, those without a
    prediction too; what a run skips is not given.
    """

    field = "label"
    file = ""

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """The same; a question without a prediction counts as wrong."""
        nothing = {each.id: Prediction(each.id, "") for each in examples}
        return super().score(examples, nothing | dict(predictions))

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """An object from question to number, as JSON; 0 where the prediction names no choice."""
        chosen = {
            published(each.record, "qid", "question_id"): _number(predictions[each.id].text)
            for each in examples
        }
        return {self.file: json.dumps(chosen)}

    def example(self, record: Record, training: bool) -> Example:
        """UserError where a record has no text or choices, or no answer to learn from."""
        question = needed(record, "text", "question", what="the question")
        choices = needed(record, "choices", what="the answers to choose from")
        label = position(record, "label", len(choices))
        if training and label is None:
            raise nothing_to_learn(record, self.field)
        listed = [f"a{number}: {each.strip('. ')}." for number, each in enumerate(choices)]
        parts = [f"[Q] {question.strip()}", *moment(record), "[Choices]", *listed]
        return Example(
            id=record_id(record),
            task=self.name,
            text=with_subtitles(record, parts, self.args),
            images=record_images(record),
            max_text=self.args.max_text_length,
            max_target=LONGEST_TARGET,
            **self.writing,
            kind=record_kind(record),
            record=record,
            **one_answer(None if label is None else f"a{label}", training),
        )


class Tvqa(ClipQuestions):
    name = "tvqa"
    file = "tvqa_test_predictions.json"


class How2qa(ClipQuestions):
    name = "how2qa"
    file = "how2qa_test_public_predictions.json"


class ClipCaptions(Captioning):
    """Captions of clips."""

    averaged = "example"
    longest = LONGEST_TARGET

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """A JSON line a clip."""
        rows = (
            {
                "vid_name": str(each.record.get("vid_name", each.images[0] if each.images else "")),
                "clip_id": published(each.record, "clip_id"),
                **self.part(each.record),
                "descs": [{"desc": predictions[each.id].text}],
            }
            for each in examples
        )
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        return {f"{self.name}_test_predictions.jsonl": lines}

    def part(self, record: Record) -> dict[str, Any]:
        """What the test file says of the part of the clip that is meant."""
        return {}


class Tvc(ClipCaptions):
    name = "tvc"

    def text(self, record: Record) -> str:
        return with_subtitles(record, moment(record), self.args)

    def part(self, record: Record) -> dict[str, Any]:
        """Its seconds."""
        if "ts" in record:
            return {"ts": record["ts"]}
        return {"ts": [float(each) for each in _SECONDS.findall(record.get("time", ""))]}


class Yc2c(ClipCaptions):
    name = "yc2c"

    def text(self, record: Record) -> str:
        return with_subtitles(record, (), self.args)


def _number(answer: str) -> int:
    """The published reading of an answer: its second character, else 0."""
    return int(answer[1]) if answer[1:2].isdecimal() else 0
