"""Files and folders that a spec names and that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .rules import Finding
from .run import InDoubt, Run

OWN_DATA = (".jsonl", ".jsonl.gz")
WEIGHTS = ("", ".safetensors", ".pth")
RUNS = Path("snap")


def missing(run: Run) -> Iterator[Finding]:
    """One finding for each path that is missing or unreadable, relative to the current folder."""
    for key in ("deepspeed", "images"):
        yield from _one(run, key, _value(run, key))
    for key in ("train", "valid", "test"):
        for split in (_value(run, key) or "").split(","):
            if split.strip().endswith(OWN_DATA):
                yield from _one(run, key, split.strip())
    answers = _value(run, "answer_vocab")
    if answers != "train":
        yield from _one(run, "answer_vocab", answers)
    for key in ("load", "resume"):
        text = _value(run, key)
        if text and not any(_exists(Path(text + end)) for end in WEIGHTS):
            if not _exists(RUNS / text):
                yield Finding(
                    (key,),
                    f'{key} is "{text}", and there is no such run or weight file.',
                    "Mend the path; `vlcli runs` lists the runs of this folder.",
                )


def _value(run: Run, key: str) -> str | None:
    """The text of a key where this architecture has it and the user wrote it."""
    if key not in run.values or key not in run.written:
        return None
    try:
        value = getattr(run, key)
    except InDoubt:
        return None
    return value if isinstance(value, str) and value else None


def _one(run: Run, key: str, text: str | None) -> Iterator[Finding]:
    if text and not _exists(Path(text)):
        yield Finding((key,), f'{key} is "{text}", and there is no such file or folder.', "Mend the path.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
