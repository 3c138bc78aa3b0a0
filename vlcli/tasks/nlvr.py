"""NLVR2: is a sentence true of two pictures?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from vlcli.contracts import Example, Prediction
from vlcli.metrics.vqa import mean
from vlcli.spec.problem import UserError

from .base import (
    TRUE_OR_FALSE,
    UNCUT,
    Record,
    needed,
    nothing_to_learn,
    record_id,
    record_images,
    record_kind,
)
from .labelled import Labelled, one_answer

TRUTH = {"true": "true", "1": "true", "false": "false", "0": "false"}


class Nlvr(Labelled):
    """Sentences about pairs of pictures, true or false. They are not cut.

    `consistency` is the share of groups (the pairs that one sentence is about) that are right
    throughout; groups are where records have a `group`.
    """

    name = "nlvr"
    field = "label"
    known_as = "sentences has a label"

    def score(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction]
    ) -> dict[str, float]:
        """Percent right over all and per kind, and `consistency`; the same for the prior; and how
        many `examples` had a label."""
        scores = super().score(examples, predictions)
        held = [each for each in examples if self.known(each)]
        groups = _groups(held)
        for name, said in (("", predictions), ("prior/", self.usual(held))):
            if said and groups:
                right = [all(self.right(each, said[each.id]) for each in group) for group in groups]
                scores[f"{name}consistency"] = 100 * mean(map(float, right))
        return scores

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """Lines of identifier,True or identifier,False."""
        lines = [
            f"{each.record.get('identifier', record_id(each.record))},"
            f"{predictions[each.id].text == 'true'}\n"
            for each in examples
        ]
        return {"submit.csv": "".join(lines)}

    def example(self, record: Record, training: bool) -> Example:
        """UserError where a record has no text, one picture, a label of another kind or, to learn
        from it, none."""
        sentence = needed(record, "text", "sent", what="the sentence")
        images = record_images(record)
        if len(images) not in (0, 2):
            raise UserError(
                f'Record "{record_id(record)}" has {len(images)} picture(s), and a sentence of '
                'nlvr is about two: "image": ["left.png", "right.png"].',
                3,
            )
        truth = _truth(record)
        if training and truth is None:
            raise nothing_to_learn(record, self.field)
        return Example(
            id=record_id(record),
            task=self.name,
            text=f"{self.args.prompt}{sentence}{self.args.post_prompt}",
            images=images,
            candidates=TRUE_OR_FALSE,
            max_text=UNCUT,
            kind=record_kind(record),
            record=record,
            **one_answer(truth, training),
        )


def _truth(record: Record) -> str | None:
    label = record.get("label")
    if label is None:
        return None
    found = TRUTH.get(str(label).lower())
    if found is None:
        raise UserError(
            f'Record "{record_id(record)}": "label" is {json.dumps(label)}; it must be true or '
            "false.",
            3,
        )
    return found


def _groups(examples: Sequence[Example]) -> list[list[Example]]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        if "group" in example.record:
            groups[str(example.record["group"])].append(example)
    return list(groups.values())
