"""What `--help` says, and how wrong usage ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from vlcli.cli.app import app

from .test_screens import vlcli

COMMANDS = {
    name: command.get_short_help_str(1000)
    for name, command in typer.main.get_command(app).commands.items()  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_one_whole_sentence_of_each(name):
    assert len(COMMANDS[name]) <= 60
    assert COMMANDS[name].endswith(".")


def test_no_sentence_of_the_top_help_is_cut():
    done = subprocess.run(
        [sys.executable, "-m", "vlcli", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert done.returncode == 0
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    done = vlcli(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert COMMANDS[name] in done.stdout
    assert "{[" not in done.stdout
    assert "...}" not in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "No such command"),
        (["validate"], "Missing argument"),
        (["validate", "x.json5", "--nothing"], "No such option"),
        (["list"], "Missing argument"),
        (["list", "task"], 'There is no list "task". Did you mean tasks?'),
        (["list", "qqq"], "There are archs, tasks, methods, recipes, towers, itra."),
        (["schema", "--arch", "vlt"], 'There is no arch "vlt". Did you mean vlt5?'),
        (["explain", "learning_rate"], "Did you mean lr?"),
        (["explain", "qqq"], "`vlcli explain` lists every key."),
        (["init", "qqq"], "`vlcli init --list` lists them."),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_a_hint_on_stderr(words, said):
    done = vlcli(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["no/such.sh"], ["no/such"], ["."]])
def test_a_script_that_cannot_be_read_ends_with_4(words):
    done = vlcli("convert", *words)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"{words[0]} cannot be read: ")


def test_init_quotes_a_path_with_spaces(tmp_path):
    done = vlcli("init", "quickstart", "my spec.json5", cwd=tmp_path)
    assert done.stdout == "my spec.json5\n"
    assert "vlcli validate 'my spec.json5'" in done.stderr


def test_explain_tells_a_story_of_many_reasons_line_by_line():
    lines = vlcli("explain", "R130").stdout.splitlines()
    assert lines[0] == "R130 (error): a number out of range"
    assert "  lr must be a number of at least 0." in lines


@pytest.mark.parametrize("width", ["40", "60", "100", "200"])
def test_explain_fits_the_terminal(width):
    for words in (["explain"], ["explain", "losses"], ["explain", "N1"]):
        done = subprocess.run(
            [sys.executable, "-m", "vlcli", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": width},
        )
        words_of = [line for line in done.stdout.splitlines() if len(line) > int(width)]
        assert [line for line in words_of if " " in line.strip()] == []


WRITING = ["--help", "explain", "schema", "list tasks", "show specs/quickstart.json5"]


@pytest.mark.parametrize("words", WRITING)
def test_a_reader_that_stops_early_hears_nothing(words):
    for reader, lines in (("head -1", 1), ("true", 0)):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m vlcli {words} | {reader}"],
            capture_output=True,
            text=True,
        )
        assert len(done.stdout.splitlines()) == lines
        assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", WRITING)
def test_a_full_disk_is_a_sentence(words, unbuffered):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vlcli", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert done.returncode == 4
    assert done.stderr == "error: The output cannot be written: No space left on device.\n"


INTERRUPTED = """
import sys, vlcli.__main__

class Interrupting:
    module = sys.argv.pop(1)

    def find_spec(self, name, path=None, target=None):
        if name == self.module:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["validate", "specs/quickstart.json5", "--set", "epochs=-1"]
vlcli.__main__.main()
"""


@pytest.mark.parametrize("during", ["typer", "vlcli.cli.app", "vlcli.spec.read", "pydantic"])
def test_an_interrupt_ends_with_130_and_no_traceback(during):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, during], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
