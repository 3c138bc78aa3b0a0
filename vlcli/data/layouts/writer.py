"""Features being written: a file or a folder that lies beside its place until it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from vlcli.disk import lock, sync
from vlcli.spec.problem import UserError

from .record import ABOUT, About, Head, Record


class Plan(NamedTuple):
    """What is known before the first record is written: what the `first` looks like where it comes
    from, the greatest number of `tokens` (of the first alone where no store is to be written),
    what is known of all, the type of the numbers to be written, and all ids in their order."""

    first: Head
    tokens: int
    about: About
    dtype: str
    names: Sequence[str]


class Writer:
    """Features on their way to the disk, record by record; a context. Nothing stands at `path`
    before `finish`.

    `done` are ids that lie there already, `left` names of arrays that the layout cannot hold.
    Whether it `keeps` what was written where it is stopped. UserError where the disk refuses, or
    another process writes there.
    """

    keeps = False

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.done: Collection[str] = ()
        self.left: dict[str, None] = {}

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(self, *_: object) -> None:
        raise NotImplementedError

    def check(self, record: Record, place: str) -> None:
        """UserError, which begins with `place`, for a record that the layout cannot hold."""

    def add(self, name: str, record: Record) -> None:
        raise NotImplementedError

    def finish(self, skipped: Mapping[str, str]) -> None:
        """Put it into its place; `skipped` are pictures that are not in it, and why."""
        raise NotImplementedError


class AsideWriter(Writer):
    """Writes a file, or a `folder`, beside its place; nothing of it is left where `finish` is not
    reached. A layout opens, puts and closes."""

    folder = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.part = stack.enter_context(_beside(self.path, self.folder))
            stack.callback(self.close)
            with _told(self.path):
                self.open()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, name: str, record: Record) -> None:
        with _told(self.path):
            self.put(name, record)

    def finish(self, skipped: Mapping[str, str]) -> None:
        with _told(self.path):
            self.tell(self.plan.about)
            self.close()
            if self.folder and hasattr(os, "sync"):
                os.sync()  # a call for each of a hundred thousand files would take minutes
            sync(self.part)
            self.part.rename(self.path)
            sync(self.path.parent)

    def open(self) -> None: ...

    def put(self, name: str, record: Record) -> None:
        raise NotImplementedError

    def tell(self, about: About) -> None:
        """Write down what made the features."""
        (self.part / ABOUT).write_text(about.written())

    def close(self) -> None: ...


def _aside(path: Path) -> Path:
    """Where it lies meanwhile."""
    return path.with_name(f".{path.name}.aside")


@contextmanager
def _beside(path: Path, folder: bool) -> Iterator[Path]:
    """An empty file or folder beside `path`, for one process alone, that is gone at the end unless
    it has been moved. UserError where another process writes there, or the disk refuses."""
    part = _aside(path)
    with _told(path):
        part.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            part.mkdir(exist_ok=True)
        handle = os.open(part, os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT, 0o666)
    try:
        lock(handle, path)
        with _told(path):
            _empty(part)
        try:
            yield part
        finally:
            with suppress(FileNotFoundError):
                shutil.rmtree(part) if folder else part.unlink()
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk refuses becomes one sentence."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error).splitlines()[0]
        raise UserError(f"{path} cannot be written: {why}. Nothing is left of it.") from error


def _empty(part: Path) -> None:
    """What a kill left there goes."""
    if part.is_file():
        os.truncate(part, 0)
        return
    for each in part.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
