"""What a trained run says about pictures and texts of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from vlcli.contracts import Example, Prediction
from vlcli.data.gathering import gather
from vlcli.data.records import read_records
from vlcli.data.visual import PictureFiles
from vlcli.runs.evaluate import predict
from vlcli.runs.folder import RunFolder
from vlcli.runs.jobs import reader_of
from vlcli.runs.parts import build
from vlcli.runs.shortage import shortages
from vlcli.runs.weights import load_best
from vlcli.runtime.engine import Engine
from vlcli.spec.entries import compares
from vlcli.spec.problem import UserError


def predict_one(
    run: RunFolder, spec: Any, images: Sequence[Path], texts: Sequence[str], task: str | None = None
) -> list[str]:
    """The answer to one text about one picture, or about two; where texts and pictures are
    compared, one of them with all of the others, best first, and a folder is its pictures."""
    if compares(task or spec.task):
        shown = list(dict.fromkeys(name for image in images for name in _held(image)))
        return _ranked(run, spec, shown, [text for text in texts if text.strip()], task)
    shown = [str(image) for image in images]
    if len(texts) > 1:
        raise UserError(f"{len(texts)} texts are given, and this run answers one at a time.", 2)
    record: dict[str, Any] = {"id": "1", "text": "".join(texts)}
    record |= {"image": shown} if shown else {}
    ((_, said),) = _answers(run, spec, [record], Path("."), task)
    return [said.text]


def _held(image: Path) -> list[str]:
    """A picture, or those of a folder."""
    return [str(image / name) for name in gather(image).sizes] if image.is_dir() else [str(image)]


def _ranked(
    run: RunFolder, spec: Any, images: Sequence[str], texts: Sequence[str], task: str | None
) -> list[str]:
    """Each text (or picture, where there are several) with its cosine, best first."""
    if not images or not texts or (len(images) > 1 and len(texts) > 1):
        raise UserError(
            "This run ranks texts for a picture, or pictures for a text. Give --image once and "
            "--text for each text, or --text once and --image for each picture or their folder.",
            2,
        )
    records: list[dict[str, Any]] = [{"id": image, "image": image} for image in images]
    records[0]["captions"] = list(texts)
    answers = _answers(run, spec, records, Path("."), task, settled=False)
    seen = [said.vectors["image"] for _, said in answers if "image" in said.vectors]
    read = [said.vectors["text"] for _, said in answers if "text" in said.vectors]
    names = images if len(images) > 1 else texts
    scores = (torch.stack(seen) @ torch.stack(read).T).flatten().tolist()
    pairs = sorted(zip(scores, names, strict=True), key=lambda pair: -pair[0])
    return [f"{score:.3f}  {name}" for score, name in pairs]


def predict_records(run: RunFolder, spec: Any, path: Path, task: str | None = None) -> list[str]:
    """One JSON line an example of a .jsonl file's records: the record with its `prediction`.
    Pictures are looked for beside the file."""
    rows = []
    for example, said in _answers(run, spec, read_records(path), path.parent, task):
        row = {**example.record, "id": example.id, "prediction": said.text}
        row |= {"scores": said.scores} if said.scores else {}
        rows.append(
            json.dumps(row | ({"region": said.box} if said.box else {}), ensure_ascii=False)
        )
    return rows


def _answers(
    run: RunFolder,
    spec: Any,
    records: Iterable[Mapping[str, Any]],
    folder: Path,
    task: str | None,
    settled: bool = True,
) -> list[tuple[Example, Prediction]]:
    if run.mixed and task is None:
        known = ", ".join(run.facts.get("tasks", ()))
        raise UserError(f"{run.path} was trained on several tasks; say which with --task: {known}.")
    with shortages(spec), Engine(spec, spec) as engine:
        parts = build(spec, run, learning=False, only=task if run.mixed else None)
        load_best(parts.architecture, run, spec.eval_with_wise_ft)
        parts.architecture.to(engine.device)
        (job,) = parts.jobs.values()
        job.reader = reader_of(spec, PictureFiles(folder)) if spec.use_vision else None
        examples = job.task.examples(records, training=False)
        said = predict(parts.architecture, job, examples, engine).predictions
        said = job.task.settle(examples, said) if settled else said
        return [(each, said[each.id]) for each in examples]
