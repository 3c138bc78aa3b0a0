"""Files and folders that a spec names and that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from . import stores
from .facts import OWN_DATA
from .rules import Finding
from .run import InDoubt, Run
from .templates import FILE
from .values import shown

WEIGHTS = ("", ".safetensors", ".pth")
RUNS = Path("snap")
HERE = ("/", "./", "../", "~")  # how a folder is told from a name on the hub


def missing(run: Run) -> Iterator[Finding]:
    """One finding for each path that is missing or unreadable, relative to the current folder."""
    yield from _one(run, "deepspeed", _value(run, "deepspeed"))
    for folder in _values(run, "images"):
        yield from _one(run, "images", folder)
    for key in ("train", "valid", "test"):
        for split in ",".join(_values(run, key)).split(","):
            if split.strip().endswith(OWN_DATA) and "{" not in split:  # many tars
                yield from _one(run, key, split.strip())
    for key in ("prompt_templates", "class_names"):
        if (text := _value(run, key)) and text.endswith(FILE) and "{}" not in text:
            yield from _one(run, key, text)
    answers = _value(run, "answer_vocab")
    if answers != "train":
        yield from _one(run, "answer_vocab", answers)
    for key in ("load", "resume"):
        text = _value(run, key)
        places = [Path(f"{text}{end}") for end in WEIGHTS]
        if text and not any(map(_exists, [*places, RUNS / text])):
            message = f"{key} is {shown(text)}, and there is no such run or weight file."
            fix = "Mend the path; `vlcli runs` lists the runs of this folder."
            yield Finding((key,), message, _fix(text, fix))
    yield from _store(run)
    for key in ("backbone", "tokenizer"):
        text = _value(run, key)
        if text and text.startswith(HERE):
            yield from _one(run, key, text)


def _store(run: Run) -> Iterator[Finding]:
    """A feature store that pictures are to be read from and that cannot be."""
    path = stores.path_of(_value(run, "feature_type") or "")
    try:
        if path is not None and run.use_vision:
            stores.read_index(path)
    except stores.StoreError as error:
        yield Finding(("feature_type",), error.message, error.fix)
    except InDoubt:
        return


def _value(run: Run, key: str) -> str | None:
    """The text of a key where this architecture has it and the user wrote it."""
    if key not in run.values or key not in run.written:
        return None
    try:
        value = getattr(run, key)
    except InDoubt:
        return None
    return value if isinstance(value, str) and value else None


def _values(run: Run, key: str) -> list[str]:
    """The texts of a key for all tasks, where the user wrote it."""
    if key not in run.values or key not in run.written or key in run.in_doubt:
        return []
    return [value for value in run.every(key) if isinstance(value, str) and value]


def _one(run: Run, key: str, text: str | None) -> Iterator[Finding]:
    if text and not _exists(Path(text)):
        message = f"{key} is {shown(text)}, and there is no such file or folder."
        yield Finding((key,), message, _fix(text, "Mend the path."))


def _fix(text: str, otherwise: str) -> str:
    return "Write the whole path: ~ stands for itself here." if text.startswith("~") else otherwise


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
