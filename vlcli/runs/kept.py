"""What stays the same of pictures while a run trains, computed once and kept on the disk
(`cache_features`): the features of a frozen image tower, or what enters the part that learns."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlcli.contracts import Example, ImageTower, Lasting
from vlcli.data.batching import InRow, loader
from vlcli.data.dataset import ExampleSet
from vlcli.data.faults import Skips
from vlcli.data.pixels import KeptReader, PixelReader, TrunkReader
from vlcli.data.store_writer import StoreWriter
from vlcli.data.visual import Mark
from vlcli.disk import cache_folder
from vlcli.runs.jobs import Job
from vlcli.runs.lock import Turn
from vlcli.runs.parts import Parts
from vlcli.runs.progress import Say
from vlcli.runtime import distributed
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError
from vlcli.spec.stores import StoreError, read_index

VERSION = 1  # raise it when the same facts give other features
TOLD = 60.0  # seconds between two sentences about the progress


@dataclass
class Wanted:
    """Pictures that several tasks read in the same way, and the tasks."""

    reader: PixelReader
    marks: dict[str, Mark] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    def agrees(self, marks: dict[str, Mark]) -> bool:
        """Whether the same names mean the same pictures."""
        return all(self.marks.get(name, mark) == mark for name, mark in marks.items())


def keep_features(parts: Parts, engine: Engine, say: Say) -> None:
    """Let the tasks of a run read features in place of pictures: those of an earlier run, or else
    computed here. Where they would not stay the same, nothing is done, and said why."""
    spec, tower = parts.spec, parts.architecture.image_tower()
    if tower is None or not spec.cache_features:
        return
    lasting = "pictures are changed" if spec.use_data_augmentation else tower.lasting()
    if isinstance(lasting, str):
        say(f"cache_features has no effect: {lasting}.")
        return
    facts = {**lasting.facts, "precision": engine.precision, "version": VERSION}
    lasting = lasting._replace(facts=facts)
    for wanted in _wanted(parts.jobs.values()):
        path = _ready(wanted, lasting, tower, spec, engine, say)
        pictures = wanted.reader.pictures
        for job in wanted.jobs:
            job.reader = (
                KeptReader(path, pictures, tower.placed)
                if lasting.grid
                else TrunkReader(path, pictures)
            )


def _wanted(jobs: Iterable[Job]) -> list[Wanted]:
    """All pictures of all splits; each is read once, whatever tasks show it."""
    found: list[Wanted] = []
    for job in jobs:
        reader = job.reader
        if not isinstance(reader, PixelReader):
            continue
        shown = (*job.train, *job.valid, *job.test, *job.served)
        names = dict.fromkeys(image for example in shown for image in example.images)
        marks = {name: reader.pictures.mark(name) for name in names}
        held = next((each for each in found if each.agrees(marks)), None)
        if held is None:
            found.append(held := Wanted(reader))
        held.marks |= marks
        held.jobs.append(job)
    return [each for each in found if each.marks]


def _ready(
    wanted: Wanted, lasting: Lasting, tower: ImageTower, spec: Any, engine: Engine, say: Say
) -> Path:
    """Where the features are: whoever comes first computes them, in any process of any run, and
    the others wait."""
    named = json.dumps([lasting.facts, sorted(wanted.marks.items())], sort_keys=True)
    path = cache_folder() / f"features-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
    what = f"features of {len(wanted.marks):,} pictures by {lasting.facts['encoder']}"
    with Turn(path.with_name(f".{path.name}.lock")) as turn:
        if engine.main:
            turn.now()  # before the other processes of this run, because it can speak
        distributed.wait()
        turn.take(lambda: say(f"Another process computes the {what}; waiting for it."))
        if _is_whole(path):
            say(f"The {what} are read from {path}.")
            return path
        _compute(path, wanted, lasting, tower, spec, engine, what, say)
    return path


def _is_whole(path: Path) -> bool:
    """Whether features are there; damaged ones are removed."""
    if not path.exists():
        return False
    try:
        read_index(path)
    except StoreError:
        shutil.rmtree(path)
        return False
    return True


def _compute(
    path: Path,
    wanted: Wanted,
    lasting: Lasting,
    tower: ImageTower,
    spec: Any,
    engine: Engine,
    what: str,
    say: Say,
) -> None:
    size = 4 * lasting.tokens * lasting.width * len(wanted.marks)
    _check_room(path.parent, size, what)
    rows, columns = lasting.grid or (1, lasting.tokens)
    store = {
        **{"tokens": lasting.tokens, "width": lasting.width, "dtype": "float32"},
        **{"grid": [rows, columns], "encoder": lasting.facts},
    }
    sizes = {name: mark.size for name, mark in wanted.marks.items()}
    skips, began = Skips(spec.on_bad_example), time.monotonic()
    with StoreWriter(path, store, sizes) as writer:
        done = writer.done
        todo = [name for name in sizes if name not in done]
        say(f"The {what} are computed ({size / 1e9:.1f} GB).")
        told, new = began, 0
        for names, pixels in skips.batches(_batches(todo, wanted.reader, spec)):
            writer.add(names, _made(lasting, tower, pixels, engine))
            new += len(names)
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                say(f"{len(done) + new:,} of {len(sizes):,} ({new / (told - began):,.0f}/s).")
        writer.finish(what, skips.found)
    say(f"The {what} took {time.monotonic() - began:,.0f} s and are kept in {path}.")


def _batches(names: Sequence[str], reader: PixelReader, spec: Any) -> Any:
    """Pictures as loading processes hand them over: names and pixels (B, H, W, 3)."""
    shown = [Example(name, "", "", images=(name,)) for name in names]
    order = InRow(len(names), spec.batch_size)
    return loader(ExampleSet(shown, reader), order, _stacked, spec.num_workers)


def _stacked(examples: Sequence[Example]) -> tuple[list[str], Tensor]:
    pixels = [each.visuals[0].pixels for each in examples]
    return [each.id for each in examples], torch.stack([p for p in pixels if p is not None])


def _made(lasting: Lasting, tower: ImageTower, pixels: Tensor, engine: Engine) -> Any:
    """(B, N, F), as the run itself would compute them."""
    assert isinstance(tower, torch.nn.Module)
    tower.to(engine.device)
    with engine.evaluating(tower):
        found = lasting.compute(pixels.to(engine.device))
    return found.float().cpu().numpy()


def _check_room(folder: Path, size: int, what: str) -> None:
    """UserError where the disk plainly has no room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {error.strerror}. Set XDG_CACHE_HOME to a folder that "
            "you may write to, or remove cache_features."
        ) from error
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"The {what} take {size / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free. Set "
            "XDG_CACHE_HOME to a folder with more room, or remove cache_features."
        )
