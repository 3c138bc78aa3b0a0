"""Scores as tables: a line a kind of example, or a score; beside each what the prior reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Scores = Mapping[str, float]


def print_scores(split: str, scores: Scores, notes: Mapping[str, str]) -> None:
    """Scores with parts ("accuracy/colour") become a table with a row per part; others a list.

    The prior of a score stands in `prior` or "prior/SCORE", that of a part behind it.
    """
    from vlcli.cli.screen import print_table

    print()
    whole = [name for name in scores if "/" not in name and name not in ("examples", "prior")]
    split_up = [name for name in whole if _parts(scores, name)]
    if split_up:
        parts = list(dict.fromkeys(part for name in split_up for part in _parts(scores, name)))
        columns = [pair for name in split_up for pair in _columns(scores, name)]
        rows = [
            (part, *(_shown(scores.get(f"{name}/{part}")) for _, name in columns)) for part in parts
        ]
        rows.append(("all", *(_shown(scores.get(name)) for _, name in columns)))
        print_table(rows, ("kind", *(heading for heading, _ in columns)))
        print()
    listed = [name for name in whole if name not in split_up]
    rest = [
        (name, _shown(scores[name]), _shown(scores.get(_prior(scores, name)))) for name in listed
    ]
    rest += [
        (name, "not computed", "-")
        for name in notes
        if notes[name] and name not in scores and name.isupper()
    ]
    if rest:
        width = 3 if any(_prior(scores, name) in scores for name in listed) else 2
        print_table([row[:width] for row in rest], ("score", "value", "prior")[:width])
        print()
    print(f"{scores.get('examples', 0):.0f} examples of the split {split}")
    for name, words in notes.items():
        print(f"{name}: {words}")


def _columns(scores: Scores, name: str) -> Iterator[tuple[str, str]]:
    """Heading and name of a score, and of its prior where that is known."""
    yield name, name
    if (prior := _prior(scores, name)) in scores:
        yield "prior", prior


def _prior(scores: Scores, name: str) -> str:
    """The name of the prior of a score: "prior/CIDEr", or `prior` of what a task has only one."""
    own = f"prior/{name}"
    if own in scores:
        return own
    return "prior" if name == next(iter(scores), None) else own


def _parts(scores: Scores, name: str) -> list[str]:
    """The parts that a score has: `colour` of "accuracy/colour"."""
    start = f"{name}/"
    return [each.removeprefix(start) for each in scores if each.startswith(start)]


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
