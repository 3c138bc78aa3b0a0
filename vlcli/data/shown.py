"""What the boxes of a picture show, in the words of Visual Genome's vocabularies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from .arrays import array
from .references import other_root

OBJECTS, ATTRIBUTES = "objects_vocab.txt", "attributes_vocab.txt"


class Shown(str):
    """What a region shows, "red circle", which remembers the `thing` without its attribute."""

    thing: str

    def __new__(cls, words: str, thing: str | None = None) -> Shown:
        made = super().__new__(cls, words)
        made.thing = words if thing is None else thing
        return made

    def __reduce__(self) -> tuple[type[Shown], tuple[str, str]]:
        return Shown, (str(self), self.thing)


def tags(names: Iterable[str]) -> list[str]:
    """The things among the regions of a picture, each once, in their order: Oscar's object tags.
    Names that feature files do not give count as a whole."""
    return list(dict.fromkeys(getattr(name, "thing", name) for name in names))


def vocabulary(path: Path) -> tuple[str, ...]:
    """What numbers mean, a line each, of which the first word before a comma counts, in lower case;
    () where there is no such file."""
    try:
        held = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text: {error}.") from error
    return tuple(line.split(",")[0].lower().strip() for line in held)


def said(things: Sequence[str], kinds: Sequence[str] = ()) -> tuple[Shown, ...]:
    """ "attribute object" of each region, or "object" where there are no attributes."""
    if not kinds:
        return tuple(map(Shown, things))
    return tuple(
        Shown(f"{kind} {thing}", thing) for kind, thing in zip(kinds, things, strict=False)
    )


class BoxWords:
    """What stored boxes show: the numbers of their objects and attributes, in words.

    The vocabularies `VG/objects_vocab.txt` and `VG/attributes_vocab.txt` below `root` are read when
    they are first needed.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "VG"
        self.root = root
        self._read: dict[str, tuple[str, ...]] = {}

    def of(self, file: Any, path: Path, group: str, many: int) -> tuple[str, ...]:
        """Names of the first boxes of an open file, "attribute object", or "object" where there are
        no attributes; () where file or vocabulary do not know objects."""
        things = self._said(file, path, group, "obj_id", OBJECTS, many)
        kinds = self._said(file, path, group, "attr_id", ATTRIBUTES, many)
        return said(things, kinds)

    def missing(self) -> str:
        """A sentence for the vocabularies that are not there, or nothing."""
        paths = [self.folder / name for name in (OBJECTS, ATTRIBUTES)]
        gone = [str(path) for path in paths if not path.is_file()]
        if not gone:
            return ""
        return (
            f"What the boxes show is not known without {' and '.join(gone)}: vocabularies of "
            f"github.com/peteanderson80/bottom-up-attention{other_root(self.root)}."
        )

    def _said(
        self, file: Any, path: Path, group: str, name: str, vocabulary: str, many: int
    ) -> tuple[str, ...]:
        words = self._vocabulary(vocabulary)
        if not words or name not in file[group]:
            return ()
        numbers = array(file, path, group, name, (None,))[:many]
        if numbers.dtype.kind not in "iu" or len(numbers) < many:
            raise UserError(f'{path}, picture {group}: "{name}" must hold a whole number a box.')
        if numbers.min() < 0 or numbers.max() >= len(words):
            raise UserError(
                f'{path}, picture {group}: "{name}" names a word beyond the {len(words)} of '
                f"{self.folder / vocabulary}."
            )
        return tuple(words[number] for number in numbers.tolist())

    def _vocabulary(self, name: str) -> tuple[str, ...]:
        if name not in self._read:
            self._read[name] = vocabulary(self.folder / name)
        return self._read[name]
