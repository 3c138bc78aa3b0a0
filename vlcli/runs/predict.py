"""What a trained run says about pictures and texts of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlcli.contracts import Example, Prediction
from vlcli.data.records import read_records
from vlcli.data.visual import PictureFiles
from vlcli.runs.evaluate import predict
from vlcli.runs.folder import RunFolder
from vlcli.runs.jobs import reader_of
from vlcli.runs.parts import build
from vlcli.runs.shortage import shortages
from vlcli.runs.weights import load_best
from vlcli.runtime.engine import Engine
from vlcli.spec.problem import UserError


def predict_one(
    run: RunFolder, spec: Any, images: Sequence[Path], text: str, task: str | None = None
) -> str:
    """The answer to one text about one picture, or about two."""
    shown = [str(image) for image in images]
    record: dict[str, Any] = {"id": "1", "text": text} | ({"image": shown} if shown else {})
    ((_, said),) = _answers(run, spec, [record], Path("."), task)
    return said.text


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
) -> list[tuple[Example, Prediction]]:
    if run.mixed and task is None:
        known = ", ".join(run.facts.get("tasks", ()))
        raise UserError(f"{run.path} was trained on several tasks; say which with --task: {known}.")
    with shortages(spec), Engine(spec, spec) as engine:
        parts = build(spec, run, learning=False, only=task if run.mixed else None)
        load_best(parts.architecture, run)
        parts.architecture.to(engine.device)
        (job,) = parts.jobs.values()
        job.reader = reader_of(spec, PictureFiles(folder)) if spec.use_vision else None
        examples = job.task.examples(records, training=False)
        said = predict(parts.architecture, job, examples, engine).predictions
        return [(each, said[each.id]) for each in examples]
