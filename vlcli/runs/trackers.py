"""Trackers (tensorboard, wandb, ...) that a run's numbers go to, through accelerate."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vlcli.runs.folder import RunFolder
from vlcli.runtime.engine import Engine
from vlcli.runtime.telling import Listener
from vlcli.spec.fields import arguments
from vlcli.spec.problem import UserError

FOLDER = "trackers"
PROJECT = "vlcli"
PACKAGES = {"comet_ml": "comet-ml"}  # where it is not the tracker's own name
# What wandb would send of the machine by itself: the program's path and arguments, git, code.
PRIVATE = {
    "WANDB_X_DISABLE_META": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_DISABLE_CODE": "true",
}


def check_trackers(trackers: str) -> list[str]:
    """The names in `trackers`; UserError for an unknown one and for one without its package."""
    from accelerate.tracking import (  # type: ignore[import-untyped]
        LOGGER_TYPE_TO_CLASS,
        get_available_trackers,
    )
    from accelerate.utils import LoggerType  # type: ignore[import-untyped]

    names = list(dict.fromkeys(name.strip() for name in trackers.split(",") if name.strip()))
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            raise UserError(
                f'trackers names "{name}", and there are: {", ".join(sorted(LOGGER_TYPE_TO_CLASS))}'
                ". Mend the name or leave it out.",
                exit_code=3,
            )
        built_in = name in {str(each) for each in LoggerType}
        if built_in and name not in {str(each) for each in get_available_trackers()}:
            raise UserError(
                f'trackers names "{name}", whose package is not installed: pip install '
                f"{PACKAGES.get(name, name)}, or leave it out."
            )
    return names


@contextmanager
def tracking(spec: Any, engine: Engine, run: RunFolder, name: str) -> Iterator[list[Listener]]:
    """Listeners that hand each record of metrics.jsonl on to every tracker; on the first process
    only, and none without `trackers`. They are told the spec, too, and never the environment."""
    names = check_trackers(spec.trackers)
    if not names or not engine.main:
        yield []
        return
    accelerator = engine.accelerator
    accelerator.log_with = names
    accelerator.project_configuration.logging_dir = str(run.path / FOLDER)
    for key, value in PRIVATE.items():
        os.environ.setdefault(key, value)
    options = {"wandb": {"name": name, "dir": str(run.path)}} if "wandb" in names else {}
    try:
        accelerator.init_trackers(PROJECT, shown(spec), options)
    except Exception as error:  # theirs: not logged in, no network, a config they do not take
        raise UserError(f"A tracker ({spec.trackers}) could not start: {error}") from error
    try:
        yield [lambda record: accelerator.log(scalars(record), step=record["step"])]
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()


def shown(spec: Any) -> dict[str, int | float | str | bool]:
    """The spec as trackers see it: plain values, and of a path outside the working folder its last
    part alone, since what stands before it names people and machines."""
    return {key: _plain(getattr(spec, key)) for key in arguments(spec.__class__)}


def _plain(value: Any) -> int | float | str | bool:
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        return ",".join(_path(part) for part in value.split(","))
    if isinstance(value, list):
        return ",".join(str(_plain(each)) for each in value)
    if isinstance(value, dict):
        return ",".join(f"{key}:{_plain(each)}" for key, each in value.items())
    return "" if value is None else str(value)


def _path(text: str) -> str:
    outside = text.strip().startswith(("/", "~", "../", "..\\")) or Path(text).is_absolute()
    return f".../{Path(text).name}" if outside else text


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a record by name: `train/loss`, `valid/accuracy`."""
    numbers = {**record, **record.get("scores", {})}
    return {
        f"{record['kind']}/{name}": value
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "step"
    }
