"""What a run of a spec does, part by part, so that two runs can be compared."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from vlcli.archs.dual_encoder import architecture as dual_encoder
from vlcli.archs.dual_encoder.architecture import DualEncoder
from vlcli.archs.dual_encoder.batch import DualBatch
from vlcli.archs.dual_encoder.towers import Side
from vlcli.archs.vlt5.architecture import VLArchitecture
from vlcli.data import batching
from vlcli.metrics import caption, words
from vlcli.runs import evaluate
from vlcli.runs import folder as folders
from vlcli.runs import train as runs
from vlcli.runs.folder import RunFolder
from vlcli.runtime.progress import Glance
from vlcli.runtime.update import Updates
from vlcli.spec.problem import UserError
from vlcli.spec.read import read_spec_text
from vlcli.spec.resolved import resolved
from vlcli.spec.run import Run
from vlcli.tasks.probes import Probe
from vlcli.tasks.zeroshot import ZeroShot

ASPECTS = {
    "problems": "errors and warnings of the check",
    "parameters": "names and shapes of parameters, and which train",
    "weights": "the weights before the first update",
    "order": "which examples make up which update",
    "inputs": "the texts and features of batches; of pairs, the pictures",
    "targets": "what is to be learned, and its weights; of pairs, the texts and classes",
    "portions": "how many pictures or texts pass a tower of a pair at a time",
    "exchange": "how the pairs of several processes are to come together",
    "loss": "the loss of the updates",
    "updates": "the weights at the end",
    "evaluated": "which examples are predicted together",
    "predictions": "what is predicted, and the scores",
    "judged": "what tasks that only judge make of classes",
    "logged": "the records of metrics.jsonl",
    "facts": "run.json",
    "files": "what lies in the run folder, and the names of the weights kept",
    "told": "sentences on the screen and the error that ends the run",
    "processes": "loading processes",
}
CLOCKS = {"started", "ended", "seconds", "data_wait_percent", "vlcli"}
Fingerprint = dict[str, Any]


@dataclass
class Seen:
    """Notes of one run; also its screen."""

    notes: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in ASPECTS})
    architecture: Any = None

    def note(self, aspect: str, value: Any) -> None:
        self.notes[aspect].append(value)

    def start(self, total: int, done: int) -> None:
        self.note("told", (total, done))

    def step(self, glance: Glance, logging: bool) -> None: ...

    def say(self, sentence: str) -> None:
        self.note("told", sentence)

    def close(self) -> None: ...


def fingerprint(values: Mapping[str, Any]) -> Fingerprint:
    """Check and train what `values` say, in the current folder, and forget the run."""
    reading = read_spec_text(json.dumps(values), "small")
    seen = Seen()
    seen.notes["problems"] = [(p.code, p.severity, p.message) for p in reading.problems]
    if reading.spec is None:
        return dict(seen.notes)
    spec = reading.spec
    again = RunFolder.find(spec.resume) if spec.resume else None
    method = spec.method(Run(reading.values))
    plan = runs.Plan(spec, resolved(reading), "small", reading.written, method, again)
    with pytest.MonkeyPatch.context() as patch:
        watch(patch, seen)
        try:
            outcome = runs.train(plan, seen)
        except UserError as error:
            seen.note("told", str(error))
        else:
            after(seen, outcome)
    shutil.rmtree("snap", ignore_errors=True)
    return dict(seen.notes)


def watch(patch: pytest.MonkeyPatch, seen: Seen) -> None:
    """Note what passes between the parts of a run."""
    build, make, loader = runs.build, Updates.make, batching.loader

    def built(*args: Any, **more: Any) -> Any:
        parts = build(*args, **more)
        seen.architecture = parts.architecture
        for name, each in parts.architecture.named_parameters():
            seen.note("parameters", (name, tuple(each.shape), each.requires_grad))
        seen.note("weights", digest(parts.architecture.state_dict().values()))
        return parts

    def made(self: Updates, window: Sequence[Any], *args: Any, **more: Any) -> Any:
        report = make(self, window, *args, **more)
        seen.note("order", [batch.ids for batch in window])
        for batch in window:
            shown, learned = sides(batch)
            seen.note("inputs", digest(shown))
            seen.note("targets", digest(learned))
        seen.note("loss", report.loss)
        return report

    def loaded(*args: Any) -> Any:
        seen.note("processes", args[3])
        return loader(*args[:3])

    patch.setattr(runs, "build", built)
    patch.setattr(Updates, "make", made)
    for kind in (VLArchitecture, DualEncoder):
        before(patch, kind, "predict", lambda _, batch: seen.note("evaluated", batch.ids))
    before(patch, Side, "plain", lambda _, rows: seen.note("portions", many(rows)))
    before(patch, dual_encoder, "together", lambda _, *how: seen.note("exchange", how))
    for task in (ZeroShot, Probe):
        behind(patch, task, "judge", lambda found: seen.note("judged", (digest(found), found[1])))
    patch.setattr(batching, "loader", loaded)
    patch.setattr(evaluate, "loader", loaded)
    patch.setattr(folders, "_git", lambda: None)
    for module in (caption, words):  # Java takes half a minute to score nothing
        patch.setattr(module, "has_java", lambda: False)


def before(patch: pytest.MonkeyPatch, owner: Any, name: str, note: Callable[..., None]) -> None:
    """Note what a function is called with."""
    called = getattr(owner, name)

    def noted(*args: Any) -> Any:
        note(*args)
        return called(*args)

    patch.setattr(owner, name, noted)


def behind(patch: pytest.MonkeyPatch, owner: Any, name: str, note: Callable[[Any], None]) -> None:
    """Note what a function gives."""
    called = getattr(owner, name)

    def noted(*args: Any) -> Any:
        found = called(*args)
        note(found)
        return found

    patch.setattr(owner, name, noted)


def sides(batch: Any) -> tuple[list[Any], list[Any]]:
    """What a training batch shows, and what is to be learned."""
    if isinstance(batch, DualBatch):
        texts = [batch.tokens[name] for name in sorted(batch.tokens)]
        return [batch.pixels, batch.features], [*texts, batch.labels]
    pictures = batch.visual or (torch.zeros(0),)
    learned = [batch.labels, batch.weights, batch.answers, batch.firsts]
    return [batch.input_ids, *pictures], learned


def many(rows: Any) -> int:
    """How many there are, of pictures or of tokens by name."""
    return len(rows if isinstance(rows, torch.Tensor) else next(iter(rows.values())))


def after(seen: Seen, outcome: runs.Outcome) -> None:
    """Note what a finished run leaves."""
    seen.note("updates", digest(seen.architecture.state_dict().values()))
    for found in outcome.evaluations:
        seen.note("predictions", [*found.rows(), found.scores])
        seen.note("told", found.notes)
    path = outcome.run.path
    seen.note("facts", {k: v for k, v in outcome.run.facts.items() if k not in CLOCKS})
    seen.note("files", str(path))
    for each in sorted(path.rglob("*")):
        seen.note("files", str(each.relative_to(path)))
        if each.suffix == ".safetensors":
            with safe_open(each, "pt") as file:
                seen.note("files", sorted(file.keys()))
    rows = path / "metrics.jsonl"
    for line in rows.read_text().splitlines() if rows.is_file() else ():
        row = json.loads(line)
        seen.note("logged", {k: row[k] for k in row if k in ("kind", "step", "epoch", "scores")})
        seen.note("logged", sorted(row))


def digest(values: Iterable[Any]) -> str:
    """Of tensors, their shapes among them."""
    found = hashlib.sha1()
    for each in values:
        if isinstance(each, torch.Tensor):
            found.update(repr((each.shape, each.dtype)).encode())
            found.update(each.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()[:12]


def changed(one: Fingerprint, other: Fingerprint) -> set[str]:
    """The aspects in which two runs differ."""
    return {name for name in ASPECTS if one[name] != other[name]}


def copied(source: str, to: str) -> None:
    """A run that may be written into."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(Path(source), Path(to))
