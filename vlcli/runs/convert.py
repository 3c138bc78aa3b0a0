"""Stored features from one layout to another, picture by picture."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

from vlcli.data.layouts.opening import WORDS, layout_of, opened, writer
from vlcli.data.layouts.record import Features, Head, Record, checked
from vlcli.data.layouts.rounding import DTYPES, Rounded
from vlcli.data.layouts.writer import Plan, Writer
from vlcli.runs.progress import Say, Tell
from vlcli.runtime.interrupt import Interrupt
from vlcli.spec.problem import UserError

USAGE = 2
MANY = 10_000  # pictures: to look at them all takes seconds


class Wish(NamedTuple):
    """What to convert, as the command line has it: `to` is a layout (None: as the ending of `out`
    says, a store without one), `ids` keeps them or takes the names of files without folder and
    ending."""

    source: Path
    out: Path
    to: str | None = None
    dtype: str | None = None
    ids: Literal["keep", "stem"] = "keep"
    on_bad: Literal["error", "skip"] = "error"


class Converted(NamedTuple):
    """How a conversion ended: `whole`, or interrupted, with so many pictures `kept` for the next
    time; `new` pictures were written now, in `seconds`; `rounding` says what another type did to
    numbers, and `left` names arrays that were not carried over."""

    whole: bool
    new: int
    kept: int
    total: int
    seconds: float
    skipped: dict[str, str]
    rounding: str
    left: tuple[str, ...]


def convert(wish: Wish, say: Say, tell: Tell) -> Converted:
    """Write `out`, which is not there before it is whole. UserError for what a user can mend."""
    to = wish.to or layout_of(wish.out)
    with opened(wish.source) as source:
        if wish.out.exists():
            raise UserError(f"{wish.out} exists. Name another place.")
        plan = _plan(source, wish, to, say)
        first = plan.first
        other = f" in {plan.dtype}" if plan.dtype != first.dtype else ""
        say(
            f"{len(source):,} pictures, {first.tokens} x {first.width} {first.dtype}: "
            f"{source.words} becomes {WORDS[to]}{other}."
        )
        with writer(to, wish.out, plan) as out, Interrupt() as interrupt:
            return _Walk(source, wish, plan, out, tell).go(say, interrupt)


class _Walk:
    """All records of a source, one by one, into a writer."""

    def __init__(self, source: Features, wish: Wish, plan: Plan, out: Writer, tell: Tell) -> None:
        self.source, self.wish, self.plan, self.out, self.tell = source, wish, plan, out, tell
        self.rounded = Rounded(plan.dtype)
        self.left: dict[str, None] = {}
        self.skipped: dict[str, str] = {}

    def go(self, say: Say, interrupt: Interrupt) -> Converted:
        total, before, new = len(self.source), len(self.out.done), 0
        began = time.monotonic()
        if before:
            say(f"{before:,} of them were converted before.")
        for old, name in zip(self.source.ids(), self.plan.names, strict=True):
            if name in self.out.done:
                continue
            new += self._carry(old, name)
            self.tell(before + new + len(self.skipped), total)
            if interrupt.asked:
                break
        whole = before + new + len(self.skipped) == total
        if whole:
            self.out.finish({**self.source.bad(), **self.skipped})
        seconds, left = time.monotonic() - began, tuple({**self.out.left, **self.left})
        kept = before + new if self.out.keeps else 0
        return Converted(whole, new, kept, total, seconds, self.skipped, self.rounded.told(), left)

    def _carry(self, old: str, name: str) -> bool:
        """Whether a picture has got across."""
        place = self.source.place(old)
        try:
            record = checked(self.source.read(old), place)
            self._check(record, place)
            features = self.rounded(record.features, self.source.stored_as(record), place)
        except UserError as error:
            if self.wish.on_bad == "error":
                raise UserError(
                    f"{error} Mend it, or add --on-bad skip.", error.exit_code
                ) from error
            self.skipped[name] = str(error)
            return False
        self.left |= dict.fromkeys(record.left)
        self.out.add(name, record._replace(features=features))
        return True

    def _check(self, record: Record, place: str) -> None:
        width = record.features.shape[1]
        if width != self.plan.first.width:
            raise UserError(
                f"{place}: features of width {width}, and others have {self.plan.first.width}."
            )
        self.out.check(record, place)


def _plan(source: Features, wish: Wish, to: str, say: Say) -> Plan:
    heads = _heads(source)
    first = next(heads, None)
    if first is None:
        raise UserError(f"{source.path} has no record that can be read.")
    # a store is told beforehand how many boxes its pictures have at most
    rest = heads if to == "store" and "boxes" in first.names else ()
    if rest and len(source) > MANY:
        say("The boxes of all pictures are counted first.")
    tokens = max([first.tokens, *(head.tokens for head in rest)])
    held = first.dtype if first.dtype in DTYPES else "float32"
    if to != "store" and held == "bfloat16":
        held = "float32"
    if to != "store" and wish.dtype == "bfloat16":
        raise UserError(
            f"{WORDS[to]} cannot hold bfloat16. Use --dtype float32, which keeps every number.",
            USAGE,
        )
    about = source.about._replace(source=source.about.source or str(source.path))
    return Plan(first, tokens, about, wish.dtype or held, _names(source, wish))


def _heads(source: Features) -> Iterator[Head]:
    """Of the records that are not damaged."""
    for name in source.ids():
        with suppress(UserError):
            yield source.head(name)


def _names(source: Features, wish: Wish) -> Sequence[str]:
    """The ids as they are to be."""
    if wish.ids == "keep":
        return list(source.ids())
    return stems(source.ids(), f"{source.path} (leave --ids stem out)")


def stems(names: Iterable[str], where: str) -> list[str]:
    """Ids without folder and ending. UserError where two of them become the same."""
    found: dict[str, str] = {}
    for old in names:
        name = PurePosixPath(old).stem
        if name in found:
            raise UserError(
                f'"{found[name]}" and "{old}" of {where} are both "{name}" without folder and '
                "ending."
            )
        found[name] = old
    return list(found)
