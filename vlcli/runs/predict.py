"""What a trained run says about pictures and texts of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlcli.data.records import read_records
from vlcli.data.visual import PictureFiles
from vlcli.runs.evaluate import predict
from vlcli.runs.folder import RunFolder
from vlcli.runs.parts import build, reader_of
from vlcli.runs.shortage import shortages
from vlcli.runs.weights import load_best
from vlcli.runtime.engine import Engine


def predict_one(run: RunFolder, spec: Any, image: Path | None, text: str) -> str:
    """The answer to one text about one picture."""
    record = {"id": "1", "text": text} | ({"image": str(image)} if image else {})
    return _answers(run, spec, [record], Path("."))["1"]


def predict_records(run: RunFolder, spec: Any, path: Path) -> list[str]:
    """One JSON line a record of a .jsonl file: the record with its `prediction`. Pictures are
    looked for beside the file."""
    records = read_records(path)
    said = _answers(run, spec, records, path.parent)
    rows = ({**record, "prediction": said[record["id"]]} for record in records)
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def _answers(
    run: RunFolder, spec: Any, records: Iterable[Mapping[str, Any]], folder: Path
) -> dict[str, str]:
    with shortages(spec), Engine(spec, spec) as engine:
        parts = build(spec, run, learning=False)
        load_best(parts.architecture, run)
        parts.architecture.to(engine.device)
        reader = reader_of(spec, PictureFiles(folder)) if spec.use_vision else None
        examples = parts.task.examples(records, training=False)
        size = spec.valid_batch_size or spec.batch_size
        return predict(parts.architecture, examples, reader, engine, size)
