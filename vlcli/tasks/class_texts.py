"""What a class is called, and the sentences that say that a picture shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError
from vlcli.spec.templates import FILE, IMAGENET, SIMPLE

from .base import Record

PLACE = "{}"  # where a template has the name of the class
_KINDS = ("", "blurry ", "black and white ", "low contrast ", "high contrast ", "bad ", "good ")
CIFAR = tuple(
    template
    for which in ("a", "the")
    for template in (
        *(f"a {kind}photo of {which} {PLACE}." for kind in _KINDS),
        *(f"a photo of {which} {size} {PLACE}." for size in ("small", "big")),
    )
)  # of CLIP (Radford et al. 2021), for CIFAR-10 and CIFAR-100


class ClassTexts:
    """The texts of classes by label. `args` are `prompt_templates` and `class_names` of a spec,
    `labels` all that occur."""

    def __init__(self, args: Any, labels: Iterable[str]) -> None:
        self.templates = templates(args.prompt_templates)
        self.labels = in_order(set(labels))
        self.names = dict(_names(args.class_names, self.labels))

    def of(self, label: str) -> tuple[str, ...]:
        """A text for each template."""
        return tuple(template.replace(PLACE, self.names[label]) for template in self.templates)


def record_label(record: Record) -> str | None:
    """The class of a record, of soft ones the likeliest; None where it has none."""
    label = record.get("label")
    if isinstance(label, dict):
        return max(label, key=label.__getitem__) if label else None
    return None if label is None else str(label)


def templates(name: str) -> tuple[str, ...]:
    """The templates of a name, of a file, or the one that is written out."""
    if PLACE in name:
        return (name,)
    if name.endswith(FILE):
        found = tuple(_lines(name))
        if lacking := [each for each in found if PLACE not in each]:
            raise UserError(f'{name}: "{lacking[0]}" has no {PLACE} for the name of a class.', 3)
        return found
    if name in (IMAGENET, SIMPLE):
        from open_clip import zero_shot_metadata as published  # type: ignore[import-untyped]  # slow

        held = {
            IMAGENET: published.OPENAI_IMAGENET_TEMPLATES,
            SIMPLE: published.SIMPLE_IMAGENET_TEMPLATES,
        }
        return tuple(template(PLACE) for template in held[name])
    return CIFAR


def _names(name: str | None, labels: list[str]) -> Iterator[tuple[str, str]]:
    """Each label with its name."""
    if name is None:
        yield from ((label, re.sub("[_/]", " ", label)) for label in labels)
        return
    if name == IMAGENET:
        from open_clip import zero_shot_metadata as published

        lines = list(published.IMAGENET_CLASSNAMES)
    else:
        lines = list(_lines(name))
    if all("\t" in line for line in lines):
        said = dict(line.split("\t", 1) for line in lines)
        if lacking := [label for label in labels if label not in said]:
            raise UserError(f'{name} does not say what "{lacking[0]}" is called.', 3)
        yield from ((label, said[label]) for label in labels)
        return
    if len(lines) != len(labels):
        raise UserError(
            f"class_names is {name}, which has {len(lines)} names, and the data has {len(labels)} "
            "classes. Name a file with one line for each class in their order, or lines of a "
            "label, a tab and a name.",
            3,
        )
    yield from zip(labels, lines, strict=True)


def in_order(labels: set[str]) -> list[str]:
    """By number where all are numbers, else as folders are listed."""
    if all(label.isdecimal() for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)


def _lines(name: str) -> Iterator[str]:
    try:
        held = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name} cannot be read as text: {error}.") from error
    found = [line.rstrip() for line in held.splitlines() if line.strip()]
    if not found:
        raise UserError(f"{name} holds no line.", 3)
    yield from found
