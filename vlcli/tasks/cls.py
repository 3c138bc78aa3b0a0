"""Classification: the class of a picture, written in words."""

from __future__ import annotations

from collections.abc import Sequence

from vlcli.contracts import Example

from .base import Record, nothing_to_learn, record_id, record_images, record_kind
from .labelled import Labelled, one_answer

LONGEST_NAME = 20  # tokens


class Cls(Labelled):
    """Pictures of one class each, by its name. The text is the prompt; accuracy is top-1."""

    name = "cls"
    field = "label"
    known_as = "pictures has a label"

    def notes(self, examples: Sequence[Example]) -> dict[str, str]:
        """In words, what `accuracy` measures."""
        return {"accuracy": "top-1: share of class names that are right word for word"}

    def example(self, record: Record, training: bool) -> Example:
        """UserError where a record has no label to learn from."""
        label = record.get("label")
        if training and label is None:
            raise nothing_to_learn(record, self.field)
        return Example(
            id=record_id(record),
            task=self.name,
            text=f"{self.args.prompt}{self.args.post_prompt}",
            images=record_images(record),
            max_text=self.args.max_text_length,
            max_target=LONGEST_NAME,
            **self.writing,
            kind=record_kind(record),
            record=record,
            **one_answer(None if label is None else str(label), training),
        )
