"""Multimodal translation: an English caption and its picture, in German (Multi30k)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vlcli.contracts import Example, Prediction
from vlcli.metrics.translation import best_translation, bleu, signature

from .base import (
    BaseTask,
    Record,
    judged,
    needed,
    nothing_to_learn,
    object_tags,
    record_id,
    record_images,
    record_kind,
)
from .questions import raw_answers

CANDIDATES = 50  # most frequent training translations among which the prior is chosen
JUDGES = 200  # training sentences, evenly spread, on which it is chosen


class Mmt(BaseTask):
    """Captions to translate: every translation is learned, a prediction judged against all.

    `prior` holds, under "", the one training translation that, said of everything, has the highest
    BLEU. With oscar_tags the text names the objects of the picture.
    """

    name = "mmt"
    best = "BLEU"

    def examples(self, records: Iterable[Record], training: bool) -> list[Example]:
        """In training one example per translation, else one per record, with all as references."""
        made: list[Example] = []
        for record in records:
            name, answers = record_id(record), [each.strip() for each in raw_answers(record)]
            if not training:
                made.append(self._example(record, name, None, answers))
                continue
            if not answers:
                raise nothing_to_learn(record, self.field)
            for number, answer in enumerate(answers):
                one = name if len(answers) == 1 else f"{name}#{number}"
                made.append(self._example(record, one, answer, answers))
        if training and made:
            self.prior = {"": _prior(made)}
        return made

    def look(self, example: Example) -> Example:
        """With oscar_tags the example whose text ends in the names of its objects."""
        if not self.args.oscar_tags or not example.visuals:
            return example
        return replace(example, text=f"{example.text} tags: {object_tags(example)}")

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """BLEU over all and, where there are several, per kind and split; the same for the prior;
        and how many `examples` had a translation to be judged by."""
        held = judged(examples, lambda each: each.references, "sentences has a translation")
        scores: dict[str, float] = {}
        for name, said in (("BLEU", predictions), ("prior", self.usual(held))):
            for group, members in _groups(held).items() if said else ():
                texts = [said[each.id].text for each in members]
                scores[f"{name}/{group}" if group else name] = bleu(
                    texts, [each.references for each in members]
                )
        return {**scores, "examples": len(held)}

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """How BLEU is computed."""
        return {"BLEU": f"sacrebleu {signature()}"}

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """A file per split: the translations in lower case, one a line."""
        lines: dict[str, list[str]] = {}
        for each in examples:
            text = predictions[each.id].text.lower().strip()
            lines.setdefault(_split(each) or split, []).append(text)
        return {f"submit_{name}_raw.txt": "\n".join(texts) for name, texts in lines.items()}

    def _example(
        self, record: Record, name: str, target: str | None, answers: Sequence[str]
    ) -> Example:
        sentence = needed(record, "text", what="the sentence to translate")
        return Example(
            id=name,
            task=self.name,
            text=f"{self.args.prompt}{sentence}",
            target=target,
            images=record_images(record),
            references=tuple(answers),
            averaged="token",
            max_text=self.args.max_text_length,
            max_target=self.args.gen_max_length,
            **self.writing,
            kind=record_kind(record),
            record=record,
        )


def _split(example: Example) -> str:
    return str(example.record.get("split", ""))


def _groups(examples: Sequence[Example]) -> dict[str, list[Example]]:
    """All of them (""), and those of every kind and split, where there are several."""
    groups: dict[str, list[Example]] = {"": list(examples)}
    for names in (_split, lambda each: each.kind):
        found = sorted({names(each) for each in examples} - {""})
        for name in found if len(found) > 1 else ():
            groups[name] = [each for each in examples if names(each) == name]
    return groups


def _prior(examples: Sequence[Example]) -> str:
    """Of the most frequent translations the one that, said of everything, has the highest BLEU."""
    counts = Counter(example.target or "" for example in examples)
    frequent = [text for text, _ in counts.most_common(CANDIDATES)]
    judges = examples[:: max(1, len(examples) // JUDGES)][:JUDGES]
    return best_translation(frequent, [each.references for each in judges])
