"""Checkpoint folders that are whole or absent: written aside, digested, renamed, then pointed at.

checkpoints/step-000123/    weights.safetensors, ..., manifest.json (size, sha256 of each file)
checkpoints/last, best      the name of a folder, in one line
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from vlcli.disk import file_digest, sync
from vlcli.spec.problem import UserError

MANIFEST = "manifest.json"
PREFIX = "step-"
ASIDE = ".aside-"
OLD = f"{ASIDE}old-"


class CorruptCheckpointError(UserError):
    """A checkpoint whose files are not those that were written."""


class Checkpoints:
    """The checkpoints of one run. One process writes; a kill at any instant leaves the last good
    one and the best one readable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at(self, step: int) -> Path:
        """Where the checkpoint of that many updates stands or would stand."""
        return self.folder / f"{PREFIX}{step:06d}"

    def write(self, step: int, fill: Callable[[Path], None], best: bool, keep: int = 1) -> Path:
        """Write a checkpoint with `fill(folder)`, point at it, and let go of older ones but the
        `keep` newest and the best. Raises UserError where the disk refuses."""
        aside = self.folder / f"{ASIDE}{step:06d}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._recover()
            self._sweep()
            aside.mkdir()
            fill(aside)
            seal(aside)
            self._put(aside, self.at(step))
            self._point("last", step)
            if best:
                self._point("best", step)
            self._retire(keep)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise UserError(
                f"The checkpoint of step {step} could not be written to {self.folder}: {error}. "
                "Earlier checkpoints are intact; make room and resume the run."
            ) from error
        return self.at(step)

    def all(self) -> list[Path]:
        """The folders of finished checkpoints, newest first; verified or not."""
        found = [path for path in self.folder.glob(f"{PREFIX}*") if path.is_dir()]
        return sorted((path for path in found if _step(path) >= 0), key=_step, reverse=True)

    def any(self) -> bool:
        """Whether there is a finished checkpoint, whole or not. Changes nothing."""
        return bool(self.all()) or any(self.folder.glob(f"{OLD}*"))

    def newest(self) -> tuple[Path, list[CorruptCheckpointError]]:
        """The newest whole checkpoint, and what is wrong with newer ones; UserError without any."""
        self._recover()
        refused: list[CorruptCheckpointError] = []
        for path in self.all():
            try:
                verify(path)
            except CorruptCheckpointError as problem:
                refused.append(problem)
            else:
                return path, refused
        reason = f" {refused[0]}" if refused else ""
        raise UserError(f"{self.folder} holds no whole checkpoint to continue from.{reason}")

    def best(self) -> Path:
        """The best checkpoint, verified; UserError where there is none."""
        path = self._pointed("best")
        if path is None:
            raise UserError(f"{self.folder} holds no best checkpoint yet.")
        verify(path)
        return path

    def _pointed(self, name: str) -> Path | None:
        pointer = self.folder / name
        if not pointer.is_file():
            return None
        path = self.folder / pointer.read_text(encoding="utf-8", errors="replace").strip()
        return path if path in self.all() else None

    def _point(self, name: str, step: int) -> None:
        aside = self.folder / f"{ASIDE}{name}"
        aside.write_text(f"{self.at(step).name}\n", encoding="utf-8")
        sync(aside)
        os.replace(aside, self.folder / name)
        sync(self.folder)

    def _put(self, aside: Path, place: Path) -> None:
        """Rename into place; an abandoned checkpoint of the same step makes way first."""
        if place.exists():
            place.rename(self.folder / f"{OLD}{place.name}")
        aside.rename(place)
        sync(self.folder)

    def _recover(self) -> None:
        """Put back a checkpoint that made way for one that never came."""
        for path in self.folder.glob(f"{OLD}*"):
            place = self.folder / path.name.removeprefix(OLD)
            if not place.exists():
                path.rename(place)

    def _retire(self, keep: int) -> None:
        """Delete what is neither among the newest nor the best. A newest one that does not read
        back as written keeps all others alive."""
        spared = {*self.all()[: max(1, keep)], self._pointed("best")}
        try:
            verify(self.all()[0])
        except CorruptCheckpointError:
            return
        for path in self.all():
            if path not in spared:
                gone = self.folder / f"{ASIDE}{path.name}"
                path.rename(gone)
                shutil.rmtree(gone)

    def _sweep(self) -> None:
        """Remove what an interrupted write or deletion left."""
        for path in self.folder.glob(f"{ASIDE}*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def verify(folder: Path) -> None:
    """Raise CorruptCheckpointError unless every file is, to the bit, the one that was written."""
    listed = _read_manifest(folder)
    present = {path.name for path in folder.iterdir() if path.is_file()} - {MANIFEST}
    if present != set(listed):
        odd = ", ".join(sorted(present ^ set(listed)))
        raise CorruptCheckpointError(f"The checkpoint {folder} lacks files or has others: {odd}.")
    for name, fact in listed.items():
        size = (folder / name).stat().st_size
        if size != fact["size"]:
            raise CorruptCheckpointError(
                f"The checkpoint {folder} is corrupt: {name} has {size} bytes and had "
                f"{fact['size']} when it was written."
            )
        if file_digest(folder / name) != fact["sha256"]:
            raise CorruptCheckpointError(
                f"The checkpoint {folder} is corrupt: {name} has changed since it was written."
            )


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's files; a manifest that differs in one bit from what was written is corrupt."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        files = json.loads(raw)["files"]
    except FileNotFoundError:
        raise CorruptCheckpointError(f"The checkpoint {folder} has no {MANIFEST}.") from None
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        raise CorruptCheckpointError(f"The checkpoint {folder} is corrupt: {MANIFEST}.") from None
    if not isinstance(files, dict) or _manifest(files) != raw:
        raise CorruptCheckpointError(f"The checkpoint {folder} is corrupt: {MANIFEST}.")
    return files


def seal(folder: Path) -> None:
    """Write the manifest of a folder's files and force all of it to the disk."""
    files = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        sync(path)
        files[path.name] = {"size": path.stat().st_size, "sha256": file_digest(path)}
    (folder / MANIFEST).write_bytes(_manifest(files))
    sync(folder / MANIFEST)
    sync(folder)


def _manifest(files: dict[str, Any]) -> bytes:
    inner = json.dumps(files, sort_keys=True).encode()
    whole = {"files": files, "sha256": hashlib.sha256(inner).hexdigest()}
    return (json.dumps(whole, sort_keys=True, indent=1) + "\n").encode()


def _step(path: Path) -> int:
    number = path.name.removeprefix(PREFIX)
    return int(number) if number.isdecimal() else -1
