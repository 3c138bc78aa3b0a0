"""Pairs of texts with how alike they are: STS-b, `stsbenchmark/sts-<split>.csv` below data_root.

Its files are tables with tabs and quotes that mean nothing: without a header (genre, file, year,
number, score, two texts), or with one that names `score`, `sentence1` and `sentence2`, as GLUE has
it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vlcli.spec.problem import UserError

from ..records import Record, Tell, stop, text_of
from ..references import other_root
from .asked import Asked
from .files import each_value, known_split, numbered

SPLITS = {"train": "train", "valid": "dev", "val": "dev", "dev": "dev", "test": "test"}
COLUMNS = ("score", "sentence1", "sentence2")
BARE = (4, 5, 6)  # where they stand without a header


def sts(asked: Asked) -> list[Record]:
    """The pairs of a split."""
    known_split(asked.split, SPLITS, "The pairs of STS-b")
    path = asked.root / "stsbenchmark" / f"sts-{SPLITS[asked.split]}.csv"
    if not path.is_file():
        raise UserError(
            f"There is no file {path}. STS-b; unpack Stsbenchmark.tar.gz of "
            f"ixa2.si.ehu.eus/stswiki there{other_root(asked.root)}."
        )
    return text_pairs(path, asked.each_fault)


def text_pairs(path: Path, each_fault: Tell = stop) -> list[Record]:
    """The pairs of a file: `texts` and `score`."""
    lines = [line.rstrip("\r") for line in text_of(path).split("\n") if line.strip()]
    first = lines[0].split("\t") if lines else []
    headed = set(COLUMNS) <= set(first)
    places = tuple(map(first.index, COLUMNS)) if headed else BARE
    rows = numbered(lines, path, "line")
    if headed:
        next(rows)
    return each_value(rows, _pair(path, places), each_fault)


def _pair(path: Path, places: tuple[int, ...]) -> Callable[[str, str], Record]:
    def make(line: str, place: str) -> Record:
        cells = line.split("\t")
        if len(cells) <= max(places):
            raise UserError(
                f"{place}: there are {len(cells)} columns; STS-b has score, sentence1 and "
                f"sentence2 {'by its header' if places != BARE else 'as the fifth to seventh'}.",
                exit_code=3,
            )
        score, one, other = (cells[each].strip() for each in places)
        try:
            number = float(score)
        except ValueError as error:
            raise UserError(f'{place}: the score is "{score}", no number.', exit_code=3) from error
        return {
            "id": f"{path.name.split('.')[0]}-{place.rpartition(' ')[2]}",
            "texts": [one, other],
            "score": number,
        }

    return make
