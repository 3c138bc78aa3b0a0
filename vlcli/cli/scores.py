"""Scores as a table: one line a kind of example, the prior beside each."""

from __future__ import annotations

from collections.abc import Mapping


def print_scores(split: str, scores: Mapping[str, float], notes: Mapping[str, str]) -> None:
    """Scores with parts ("accuracy/colour") become a table with a row per part; others a list."""
    from vlcli.cli.screen import print_table

    parts = list(dict.fromkeys(name.partition("/")[2] for name in scores if "/" in name))
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
    rest = [(name, _shown(scores[name])) for name in whole if name not in columns]
    rest += [
        (name, "not computed")
        for name in notes
        if notes[name] and name not in scores and name.isupper()
    ]
    if rest:
        print_table(rest, ("score", "value"))
        print()
    print(f"{scores.get('examples', 0):.0f} examples of the split {split}")
    for name, words in notes.items():
        print(f"{name}: {words}")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
