"""Scores as a table: one line a kind of example, or a score; the prior beside each."""

from __future__ import annotations

from collections.abc import Mapping


def print_scores(split: str, scores: Mapping[str, float], notes: Mapping[str, str]) -> None:
    """Scores with parts ("accuracy/colour") become a table with a row per part; others a list, with
    the prior ("prior/CIDEr") beside them."""
    from vlcli.cli.screen import print_table

    halves = [name.partition("/") for name in scores if "/" in name]
    parts = list(dict.fromkeys(part for name, _, part in halves if name != "prior"))
    whole = [name for name in scores if "/" not in name and name != "examples"]
    columns = [name for name in whole if any(f"{name}/{part}" in scores for part in parts)]
    print()
    if columns:
        rows = [
            (part, *(_shown(scores.get(f"{name}/{part}")) for name in columns)) for part in parts
        ]
        rows.append(("all", *(_shown(scores[name]) for name in columns)))
        print_table(rows, ("kind", *columns))
        print()
    listed = [name for name in whole if name not in columns]
    rest = [(name, _shown(scores[name]), _shown(scores.get(f"prior/{name}"))) for name in listed]
    rest += [
        (name, "not computed", "-")
        for name in notes
        if notes[name] and name not in scores and name.isupper()
    ]
    headings = ("score", "value", "prior")
    if rest:
        width = 3 if any(f"prior/{name}" in scores for name in listed) else 2
        print_table([row[:width] for row in rest], headings[:width])
        print()
    print(f"{scores.get('examples', 0):.0f} examples of the split {split}")
    for name, words in notes.items():
        print(f"{name}: {words}")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
