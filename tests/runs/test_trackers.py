"""Numbers reach every tracker, from the first process alone, and nobody's secrets do."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from tests.runtime.tiny import spec, trainer_for
from vlcli.runs.folder import RunFolder
from vlcli.runs.trackers import check_trackers, tracking
from vlcli.runtime.engine import Engine
from vlcli.runtime.telling import Logging
from vlcli.spec.problem import UserError


class Notebook(GeneralTracker):
    """Remembers what it is told."""

    name = "notebook"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, project: str, **options: Any) -> None:
        super().__init__()
        self.told: list[tuple[int, dict[str, float]]] = []

    @property
    def tracker(self) -> Any:
        return self.told

    def start(self) -> None:
        books.append(self)

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.config = values

    def log(self, values: dict[str, float], step: int, **_: Any) -> None:
        self.told.append((step, values))

    def finish(self) -> None:
        self.finished = True


class Refusing(Notebook):
    name = "refusing"

    def start(self) -> None:
        raise ValueError("not logged in")


books: list[Notebook] = []


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    books.clear()
    for each in (Notebook, Refusing):
        monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, each.name, each)
    for key in ("WANDB_X_DISABLE_META", "WANDB_DISABLE_GIT", "WANDB_DISABLE_CODE"):
        monkeypatch.setenv(key, "true")


def test_all_numbers_of_training_and_validation_arrive(tmp_path: Path) -> None:
    args = spec(trackers="notebook")
    engine = Engine(args, args)
    with tracking(args, engine, RunFolder(tmp_path), "first") as listeners:
        trainer_for(tmp_path, epochs=1, logging=Logging(every=3, listeners=listeners)).train()
    (book,) = books
    assert [step for step, _ in book.told] == [3, 6, 6]
    assert {"train/loss", "train/lr", "train/grad_norm"} <= book.told[0][1].keys()
    assert book.told[2][1].keys() == {"valid/epoch", "valid/accuracy"}
    assert book.finished
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6, 6]


def test_the_config_is_the_spec_and_names_no_home_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_TOKEN", "hf_secret")
    home = Path.home()
    args = spec(
        trackers="notebook",
        output=str(home / "runs/one"),
        train=f"{home}/a/train.jsonl,data/more.jsonl",
        load="~/first",
        lr=0.25,
    )
    with tracking(args, Engine(args, args), RunFolder(tmp_path), "first"):
        pass
    config = books[0].config
    assert config["lr"] == 0.25
    assert config["output"] == ".../one"
    assert config["train"] == ".../train.jsonl,data/more.jsonl"
    assert config["load"] == ".../first"
    assert all(isinstance(value, int | float | str) for value in config.values())
    words = " ".join(map(str, config.values()))
    assert str(home) not in words
    assert "hf_secret" not in words


def test_other_processes_and_runs_without_trackers_tell_nobody(tmp_path: Path) -> None:
    for trackers, main in (("notebook", False), ("", True)):
        args = spec(trackers=trackers)
        with tracking(args, SimpleNamespace(main=main), RunFolder(tmp_path), "x") as listeners:  # type: ignore[arg-type]
            assert listeners == []
    assert books == []


def test_unknown_and_absent_trackers_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_trackers("") == []
    assert check_trackers(" notebook, notebook,") == ["notebook"]
    with pytest.raises(UserError, match=r'"tensorbord", and there are: aim, .*tensorboard') as told:
        check_trackers("notebook,tensorbord")
    assert told.value.exit_code == 3
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(UserError, match="not installed: pip install comet-ml") as told:
        check_trackers("comet_ml")
    assert told.value.exit_code == 4


def test_a_tracker_that_cannot_start_is_one_sentence(tmp_path: Path) -> None:
    args = spec(trackers="notebook,refusing")
    with (
        pytest.raises(UserError, match="could not start: not logged in"),
        tracking(args, Engine(args, args), RunFolder(tmp_path), "x"),
    ):
        pass


def test_tensorboard_writes_into_the_run_folder(tmp_path: Path) -> None:
    args = spec(trackers="tensorboard")
    with tracking(args, Engine(args, args), RunFolder(tmp_path), "x") as listeners:
        trainer_for(tmp_path, epochs=1, logging=Logging(every=3, listeners=listeners)).train()
    assert list(tmp_path.glob("trackers/**/events.out.*"))
