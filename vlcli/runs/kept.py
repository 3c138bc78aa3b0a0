"""What stays the same of pictures and texts while a run trains, computed once and kept on the disk
(`cache_features`): the features of a frozen tower, or what enters the part that learns."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vlcli.contracts import Example, ImageTower, Lasting, LastingTexts, text_key
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


class Keeping(NamedTuple):
    """What is to be kept: (tokens, width) of each name, which `made` makes of a batch of what
    `batches` gives for names. `means` says what the names mean, and `facts` what else the features
    depend on; both choose the folder."""

    what: str
    sizes: Mapping[str, int]
    means: Sequence[Any]
    facts: Mapping[str, Any]
    grid: tuple[int, int]
    width: int
    batches: Callable[[Sequence[str]], Iterator[tuple[Sequence[str], Any]]]
    made: Callable[[Any], Tensor]
    skips: Skips


def keep_features(parts: Parts, engine: Engine, say: Say) -> None:
    """Let the tasks of a run read features in place of pictures, and vectors in place of texts:
    those of an earlier run, or else computed here. Where they would not stay the same, nothing is
    done, and said why."""
    if not parts.spec.cache_features:
        return
    texts = parts.architecture.lasting_texts()
    if texts is not None:
        parts.architecture.texts = _ready(_texts(parts, texts, engine), engine, say)
    tower = parts.architecture.image_tower()
    if tower is None:
        return
    lasting = "pictures are changed" if parts.spec.use_data_augmentation else tower.lasting()
    if isinstance(lasting, str):
        what = "keeps texts alone" if texts is not None else "has no effect"
        say(f"cache_features {what}: {lasting}.")
        return
    for wanted in _wanted(parts.jobs.values()):
        path = _ready(_pictures(wanted, lasting, tower, parts.spec, engine), engine, say)
        pictures = wanted.reader.pictures
        for job in wanted.jobs:
            job.reader = (
                KeptReader(path, pictures, tower.placed)
                if lasting.grid
                else TrunkReader(path, pictures)
            )


def _pictures(
    wanted: Wanted, lasting: Lasting, tower: ImageTower, spec: Any, engine: Engine
) -> Keeping:
    skips = Skips(spec.on_bad_example)
    assert isinstance(tower, nn.Module)
    return Keeping(
        f"features of {len(wanted.marks):,} pictures by {lasting.facts['encoder']}",
        {name: mark.size for name, mark in wanted.marks.items()},
        sorted(wanted.marks.items()),
        {**lasting.facts, "precision": engine.precision, "version": VERSION},
        lasting.grid or (1, lasting.tokens),
        lasting.width,
        lambda todo: skips.batches(_seen(todo, wanted.reader, spec)),
        lambda pixels: _evaluated(engine, tower, lasting.compute, pixels.to(engine.device)),
        skips,
    )


def _texts(parts: Parts, lasting: LastingTexts, engine: Engine) -> Keeping:
    """The texts of all splits, short ones first: a batch is as wide as its longest."""
    told: dict[str, None] = {}
    for job in parts.jobs.values():
        for example in job.train:
            told |= dict.fromkeys((*example.references, example.target or "", example.text))
        for example in (*job.valid, *job.test, *job.served):
            told[example.text] = None
    texts = {text_key(text): text for text in sorted(told, key=lambda text: (len(text), text))}
    texts.pop(text_key(""), None)
    many = 2 * parts.spec.batch_size

    def batches(todo: Sequence[str]) -> Iterator[tuple[Sequence[str], dict[str, Tensor]]]:
        for start in range(0, len(todo), many):
            keys = todo[start : start + many]
            yield keys, lasting.tokenize([texts[key] for key in keys])

    tokens = hashlib.sha256()
    for _, held in batches(list(texts)):
        for name, value in held.items():
            tokens.update(f"{name} {tuple(value.shape)}".encode() + value.numpy().tobytes())

    def made(tokens: dict[str, Tensor]) -> Tensor:
        moved = {name: value.to(engine.device) for name, value in tokens.items()}
        return _evaluated(engine, parts.architecture, lasting.compute, moved)[:, None]

    return Keeping(
        f"vectors of {len(texts):,} texts by {lasting.facts['encoder']}",
        dict.fromkeys(texts, 0),
        [tokens.hexdigest(), *texts],
        {**lasting.facts, "precision": engine.precision, "version": VERSION},
        (1, 1),
        lasting.width,
        batches,
        made,
        Skips("error"),
    )


def _evaluated(
    engine: Engine, module: nn.Module, compute: Callable[[Any], Tensor], held: Any
) -> Tensor:
    """As the run itself would compute it."""
    module.to(engine.device)
    with engine.evaluating(module):
        return compute(held)


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


def _ready(keeping: Keeping, engine: Engine, say: Say) -> Path:
    """Where the features are: whoever comes first computes them, in any process of any run, and
    the others wait."""
    named = json.dumps([keeping.facts, keeping.means], sort_keys=True)
    path = cache_folder() / f"features-{hashlib.sha256(named.encode()).hexdigest()[:16]}"
    with Turn(path.with_name(f".{path.name}.lock")) as turn:
        if engine.main:
            turn.now()  # before the other processes of this run, because it can speak
        distributed.wait()
        turn.take(lambda: say(f"Another process computes the {keeping.what}; waiting for it."))
        if _is_whole(path):
            say(f"The {keeping.what} are read from {path}.")
            return path
        _compute(path, keeping, say)
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


def _compute(path: Path, keeping: Keeping, say: Say) -> None:
    what, (rows, columns) = keeping.what, keeping.grid
    size = 4 * rows * columns * keeping.width * len(keeping.sizes)
    _check_room(path.parent, size, what)
    store = {
        **{"tokens": rows * columns, "width": keeping.width, "dtype": "float32"},
        **{"grid": [rows, columns], "encoder": keeping.facts},
    }
    began = time.monotonic()
    with StoreWriter(path, store, keeping.sizes) as writer:
        done = writer.done
        todo = [name for name in keeping.sizes if name not in done]
        say(f"The {what} are computed ({size / 1e9:.1f} GB).")
        told, new = began, 0
        for names, held in keeping.batches(todo):
            writer.add(names, keeping.made(held).float().cpu().numpy())
            new += len(names)
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                rate = new / (told - began)
                say(f"{len(done) + new:,} of {len(keeping.sizes):,} ({rate:,.0f}/s).")
        writer.finish(what, keeping.skips.found)
    say(f"The {what} took {time.monotonic() - began:,.0f} s and are kept in {path}.")


def _seen(names: Sequence[str], reader: PixelReader, spec: Any) -> Any:
    """Pictures as loading processes hand them over: names and pixels (B, H, W, 3)."""
    shown = [Example(name, "", "", images=(name,)) for name in names]
    order = InRow(len(names), spec.batch_size)
    return loader(ExampleSet(shown, reader), order, _stacked, spec.num_workers)


def _stacked(examples: Sequence[Example]) -> tuple[list[str], Tensor]:
    pixels = [each.visuals[0].pixels for each in examples]
    return [each.id for each in examples], torch.stack([p for p in pixels if p is not None])


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
