"""Texts with something left out: the sources and targets of pretraining (Cho et al. 2021, table 1).

Random choices come in as permutations, so that each text follows from its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

from vlcli.contracts import Wording

Pair = tuple[str, str]  # source and target


def masked(text: str, order: Sequence[int], rate: float, wording: Wording) -> Pair:
    """A share of the words left out, at least one, the first of a permutation `order` of them.

    Neighbours go together. In spans each gap is a numbered sentinel and the target tells what was
    in it, without a closing sentinel; else each gap is a mask and the target is the whole text.
    """
    words = text.split()
    gone = set(lost(order, rate))
    source: list[str] = []
    target: list[str] = []
    gaps = 0
    for number, word in enumerate(words):
        if number not in gone:
            source.append(word)
            continue
        if number - 1 not in gone:
            mark = wording.sentinel(gaps) if wording.style == "span" else wording.mask or ""
            source.append(mark)
            target.append(mark)
            gaps += 1
        target.append(word)
    told = " ".join(target) if wording.style == "span" else text
    return " ".join(source), told


def lost(order: Sequence[int], rate: float) -> list[int]:
    """The numbers of the words that `masked` leaves out, of a permutation of all."""
    return sorted(order[: int(max(rate * len(order), 1))])


def region_captions(names: Sequence[str], chosen: Sequence[int], wording: Wording) -> Pair:
    """Regions in, what they show out: "attr obj", with several of them behind sentinels."""
    regions = " ".join(map(wording.region, chosen))
    return f"caption region: {regions}", _numbered([names[i] for i in chosen], wording)


def region_references(names: Sequence[str], chosen: Sequence[int], wording: Wording) -> Pair:
    """What regions show in, the regions out."""
    told = _numbered([names[i] for i in chosen], wording)
    return f"visual grounding: {told}", " ".join(map(wording.region, chosen))


def _numbered(texts: Sequence[str], wording: Wording) -> str:
    if len(texts) == 1:
        return texts[0]
    return " ".join(f"{wording.sentinel(i)} {text}" for i, text in enumerate(texts))


def filled(source: str, target: str, wording: Wording) -> str:
    """The text that a target makes of a source with gaps (spans); the target itself otherwise.
    Gaps that it says nothing of stay empty."""
    if wording.style != "span":
        return target
    marks = [wording.sentinel(i) for i in range(100) if wording.sentinel(i) in source]
    starts = [target.find(mark) for mark in marks]
    known = sorted((at, mark) for at, mark in zip(starts, marks, strict=True) if at >= 0)
    ends = [at for at, _ in known][1:] + [len(target)] * bool(known)
    told = {
        mark: target[at + len(mark) : end].strip()
        for (at, mark), end in zip(known, ends, strict=True)
    }
    for mark in reversed(marks):
        source = source.replace(mark, told.get(mark, ""))
    return " ".join(source.split())
