"""Pictures with their texts in uncompressed tars, as webdataset lays them out.

Members of one name but for their ending belong together: a picture, and of `.txt` (a caption),
`.json` (the fields of a record, or `caption`) and `.cls` (a label) what there is. A tar is indexed
once, into the user's cache; a picture is then read by its place in the tar, in any order, so that
batches follow from the seed alone and a run resumes anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from PIL import Image

from vlcli.disk import cache_folder
from vlcli.spec.problem import UserError

from .gathering import ENDINGS
from .members import Tar
from .records import Record, Tell, checked, stop
from .visual import Mark, decoded

VERSION = 1  # raise it when the same tar gives other records
FIELDS = ("captions", "label", "split", "kind")
TEXTS = (".txt", ".json", ".cls")
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")
_PLACE = re.compile(r"(.+)#(.+)@(\d+)\+(\d+)", re.S)


def tars_of(name: str) -> list[Path]:
    """The tars that a name means: one, those of {0000..0041} in it, or all of a folder."""
    braces = _BRACES.search(name)
    if braces:
        first, last = int(braces[1]), int(braces[2])
        digits = len(braces[1])
        return [
            Path(f"{name[: braces.start()]}{number:0{digits}}{name[braces.end() :]}")
            for number in range(first, last + 1)
        ]
    return sorted(Path(name).glob("*.tar")) if Path(name).is_dir() else [Path(name)]


def read_tar(path: Path, each_fault: Tell = stop) -> list[Record]:
    """The records of a tar, by name in its order. Their `image` is a place in the tar (TarPlaces).
    UserError where it cannot be read, or names the member that is wrong."""
    held = _kept(path)
    if held is None:
        faults: list[UserError] = []
        held = list(_records(path, faults.append))
        if not faults:
            _keep(path, held)
        for fault in faults:
            each_fault(fault)
    return held


def name_in_tar(image: str) -> str:
    """The name of the picture at a place."""
    found = _PLACE.fullmatch(image)
    return found[2] if found else image


def _records(path: Path, each_fault: Tell) -> Iterator[Record]:
    with closing(Tar(path)) as tar:
        yield from _members(path, tar, each_fault)


def _members(path: Path, tar: Tar, each_fault: Tell) -> Iterator[Record]:
    groups: dict[str, dict[str, str]] = {}
    for name in tar.places:
        folder, _, last = name.rpartition("/")
        stem, dot, ending = last.partition(".")
        groups.setdefault(f"{folder}/{stem}" if folder else stem, {})[f"{dot}{ending}".lower()] = (
            name
        )
    for key, endings in groups.items():
        picture = next((endings[each] for each in ENDINGS if each in endings), None)
        if picture is None:
            continue
        place = f"{path}, {key}"
        try:
            fields = _fields(tar, endings, place)
        except UserError as fault:
            each_fault(fault)
            continue
        offset, size = tar.places[picture]
        image = f"{path}#{picture}@{offset}+{size}"
        yield {"id": f"{path.stem}/{key}", "image": image, **fields}


def _fields(tar: Tar, endings: dict[str, str], place: str) -> Record:
    found: Record = {}
    for ending in TEXTS:
        if ending not in endings:
            continue
        try:
            text = (tar.content(endings[ending]) or b"").decode("utf-8-sig").strip()
            said = json.loads(text) if ending == ".json" else text
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place}{ending} cannot be read: {error}.", exit_code=3) from error
        if ending == ".json":
            record = checked(said, f"{place}.json")
            found |= {key: record[key] for key in FIELDS if key in record}
            if isinstance(record.get("caption"), str):
                found.setdefault("captions", [record["caption"]])
        elif said:
            found |= {"captions": [said]} if ending == ".txt" else {"label": said}
    return found


class TarPlaces:
    """Pictures by `<tar>#<name>@<first byte>+<bytes>`."""

    def open(self, reference: str) -> Image.Image:
        """The picture in RGB. UserError where it cannot be read."""
        path, name, offset, size = _parts(reference)
        try:
            with open(path, "rb", buffering=0) as file:
                held = os.pread(file.fileno(), size, offset)
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        return decoded(io.BytesIO(held), f"{name} in {path}")

    def mark(self, reference: str) -> Mark:
        path, name, _, size = _parts(reference)
        return Mark.of(path, size, f"#{name}")

    def faults(self, references: Sequence[str]) -> dict[str, str]:
        """Of tars that are gone since they were indexed."""
        paths = {each: _parts(each)[0] for each in references}
        gone = {path for path in set(paths.values()) if not os.path.isfile(path)}
        return {each: f"There is no tar {path}." for each, path in paths.items() if path in gone}


def in_a_tar(reference: str) -> bool:
    """Whether a path names a place in a tar."""
    return _PLACE.fullmatch(reference) is not None


def _parts(reference: str) -> tuple[str, str, int, int]:
    found = _PLACE.fullmatch(reference)
    if found is None:
        raise UserError(f'"{reference}" is no place in a tar.')
    return found[1], found[2], int(found[3]), int(found[4])


def _index(path: Path) -> Path | None:
    """Where the records of a tar, as it is now, are kept."""
    try:
        known = path.stat()
    except OSError:
        return None
    facts: list[Any] = [VERSION, str(path), os.path.abspath(path), known.st_size, known.st_mtime_ns]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    return cache_folder() / "tars" / f"{digest}.jsonl"


def _kept(path: Path) -> list[Record] | None:
    index = _index(path)
    try:
        text = index.read_text(encoding="utf-8") if index else None
    except OSError:
        return None
    return None if text is None else [json.loads(line) for line in text.splitlines()]


def _keep(path: Path, records: Sequence[Record]) -> None:
    """Into the cache; where it cannot be written, the tar is indexed anew the next time."""
    index = _index(path)
    if index is None:
        return
    aside = index.with_name(f".{index.name}.{os.getpid()}")
    try:
        index.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        aside.replace(index)
    except OSError:
        aside.unlink(missing_ok=True)
