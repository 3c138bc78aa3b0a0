"""Texts of a split: empty ones, long ones that are cut, and answers outside the answer table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vlcli.contracts import Example
from vlcli.tasks.questions import raw_answers

from .findings import some
from .reading import Data, Split

ASKED = ("text", "question", "sent")
LISTS = ("captions", "choices", "rationales")
Long = Callable[[Sequence[str]], Mapping[str, int]]  # tokens, or words, by text


def check_empty(data: Data, split: Split) -> None:
    """Tell of questions, captions, choices and answers without a word."""
    found: dict[str, list[str]] = {}
    for record in split.records:
        for what in dict.fromkeys(_empty(record)):
            found.setdefault(what, []).append(str(record["id"]))
    for what, names in found.items():
        many = f"{len(names):,} of {len(split.records):,} records"
        sentence = f'{many} have an empty text in "{what}": {some(names)}.'
        data.tell(split.role, "empty", "warning", sentence, dict.fromkeys(names, what))


def _empty(record: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a record that hold a text without a word."""
    for name in ASKED:
        if isinstance(record.get(name), str) and not record[name].strip():
            yield name
    for name in LISTS:
        if any(not each.strip() for each in record.get(name) or ()):
            yield name
    if any(not each.strip() for each in raw_answers(record)):
        yield "answers"
    label = record.get("label")
    said = label if isinstance(label, Mapping) else [label] if isinstance(label, str) else []
    if any(not each.strip() for each in said):
        yield "label"
    for question in record.get("questions") or ():
        for name in _empty(question):
            yield f"questions: {name}"


def check_answers(data: Data, split: Split, table: Sequence[str], name: str) -> None:
    """Tell which answers the table does not hold; `name` says which table it is."""
    known = frozenset(table)
    partly: list[str] = []
    wholly: list[str] = []
    labels = lost = 0
    for example in split.examples:
        if example.candidates is not None or not example.labels:
            continue
        gone = sum(answer not in known for answer in example.labels)
        labels, lost = labels + len(example.labels), lost + gone
        if gone:
            (wholly if gone == len(example.labels) else partly).append(example.id)
    if not lost:
        return
    names = [*wholly, *partly]
    sentence = (
        f"{len(names):,} of {len(split.examples):,} examples have answers outside {name} of "
        f"{len(table):,} ({len(wholly):,} have no other); {100 * lost / labels:.1f} % of the "
        f"labels are lost: {some(names)}."
    )
    first = dict.fromkeys(wholly, "no answer is inside") | dict.fromkeys(partly, "some are outside")
    data.tell(split.role, "answers", "warning", sentence, first)


def check_lengths(data: Data, split: Split, long: Long, exact: bool) -> None:
    """Tell how many texts and targets are cut; `long` measures them, in tokens where it is
    `exact`, else in words, which are fewer."""
    spec = data.spec
    inputs = [(each, each.text, each.max_text) for each in split.examples]
    targets = [(e, e.target, e.max_target) for e in split.examples if e.target is not None]
    for kind, held, key in (
        ("texts", inputs, "max_text_length"),
        ("targets", targets, "gen_max_length"),
    ):
        sizes = long(list({text for _, text, limit in held if _may_be_cut(text, limit)}))
        cut: dict[int, list[str]] = {}
        for example, text, limit in held:
            if sizes.get(text, 0) > limit:
                cut.setdefault(limit, []).append(example.id)
        for limit, names in cut.items():
            where = f"{limit} tokens" + (f" ({key})" if limit == getattr(spec, key) else "")
            many = f"{len(names):,} of {len(held):,} {kind}"
            many, how = (many, "") if exact else (f"at least {many}", " (counted in words)")
            sentence = f"{many} are longer than {where} and are cut{how}: {some(names)}."
            data.tell(split.role, "cut", "note", sentence, dict.fromkeys(names, where))


def _may_be_cut(text: str, limit: int) -> bool:
    """A token takes a byte at least; two more may frame the text."""
    return len(text) + 2 > limit or len(text.encode()) + 2 > limit


def words(texts: Sequence[str]) -> dict[str, int]:
    """Words of each text, and its end."""
    return {text: len(text.split()) + 1 for text in texts}


def tokens(tokenizer: Any) -> Long:
    """What a tokenizer makes of texts, special tokens included."""

    def count(texts: Sequence[str]) -> dict[str, int]:
        if not texts:
            return {}
        ids = tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return {text: len(each) for text, each in zip(texts, ids, strict=True)}

    return count


def training_examples(held: Sequence[Data]) -> list[Example]:
    return [e for data in held if "train" in data.splits for e in data.splits["train"].examples]
