"""GQA: compositional questions about a picture, each with one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from vlcli.contracts import Example, Prediction

from .base import UNCUT, record_id
from .questions import Questions


class Gqa(Questions):
    """Questions of GQA: every answer weighs the same and is learned whole."""

    name = "gqa"
    longest = UNCUT

    def submission(
        self, examples: Sequence[Example], predictions: Mapping[str, Prediction], split: str
    ) -> dict[str, str]:
        """A list of questionId (a text) and prediction, as JSON."""
        rows = [
            {
                "questionId": str(each.record.get("question_id", record_id(each.record))),
                "prediction": predictions[each.id].text,
            }
            for each in examples
        ]
        return {"submit.json": json.dumps(rows, indent=4, sort_keys=True)}
