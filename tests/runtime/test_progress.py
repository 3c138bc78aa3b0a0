"""What is shown: a bar on a terminal, lines elsewhere, nothing on other processes."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from vlcli.runtime.journal import Journal
from vlcli.runtime.progress import Bar, Glance, Lines, Silent, clock, screen_for
from vlcli.runtime.telling import Logging

from .tiny import trainer_for

GLANCE = Glance(50, 1200, 1, 12, 2.31, 9.5e-5, 812.4, 200.0, 412_000_000)


def test_a_plain_line_per_log_interval() -> None:
    console = Console(file=io.StringIO(), width=40)
    screen = screen_for(True, console)
    assert isinstance(screen, Lines)
    screen.step(GLANCE, logging=False)
    screen.step(GLANCE, logging=True)
    assert console.file.getvalue() == (  # type: ignore[attr-defined]
        "step 50/1200  epoch 1/12  loss 2.31  lr 9.50e-05  812 examples/s  412 MB  3:20 left\n"
    )


def test_a_bar_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    screen = screen_for(True, console)
    assert isinstance(screen, Bar)
    screen.start(1200, 0)
    screen.step(GLANCE, logging=False)
    screen.say("epoch 1: accuracy [0.5]")
    screen.close()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "epoch 1/12" in shown
    assert "accuracy [0.5]" in shown


def test_other_processes_are_silent() -> None:
    assert isinstance(screen_for(False, Console()), Silent)


def test_a_run_shows_its_lines_in_order(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    logging = Logging(every=3, screen=screen_for(True, console))
    trainer_for(tmp_path, epochs=1, logging=logging).train()
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.split()[0:2] for line in lines] == [
        ["step", "3/6"],
        ["step", "6/6"],
        ["epoch", "1:"],
    ]


def test_times_read_like_a_clock() -> None:
    assert (clock(3723), clock(200), clock(0.4)) == ("1:02:03", "3:20", "0:00")


def test_the_journal_says_null_for_what_json_cannot(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run/metrics.jsonl")
    journal.write({"step": 1, "loss": float("inf"), "scores": {"a": float("nan")}})
    journal.write({"step": 2})
    with journal.path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert json.loads(journal.path.read_text().splitlines()[0])["scores"] == {"a": None}
    journal.rewind(2)
    assert [json.loads(line)["step"] for line in journal.path.read_text().splitlines()] == [1, 2]
