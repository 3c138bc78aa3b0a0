"""What one command of a shell script does to the script's variables, and which commands remain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlcli.spec.published import shown
from vlcli.spec.shell.conditions import decide
from vlcli.spec.shell.parts import Word
from vlcli.spec.shell.values import Field, Variables, assignment, int_of

_DECLARE = frozenset({"declare", "export", "local", "readonly", "typeset"})
_SETS_BY_RUNNING = frozenset({"getopts", "let", "mapfile", "read", "readarray"})
_OTHER_FILES = frozenset({".", "eval", "source"})
_WITHOUT_EFFECT = """
    : alias apt-get break cat cd chmod clear conda continue cp curl date echo false git hash ln ls
    mkdir module mv nvidia-smi pip pip3 popd printf pushd pwd return rm rmdir set shopt sleep tar
    tee touch trap true ulimit umask unzip wait wget
"""
_QUIET = frozenset(_WITHOUT_EFFECT.split())
_LAUNCHERS = ("python", "torchrun", "accelerate", "deepspeed", "nohup")


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was not followed, and its line."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its variables put in; assignments in front of it are gone."""

    line: int
    fields: tuple[Field, ...]


class Commands:
    """The commands met so far, and the variables as they stand after them."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.variables = Variables(arguments)
        self.met: list[Command] = []
        self.notes: list[Note] = []
        self.launched = False  # whether the last one starts a program of ours
        self.ended = False  # by `exit`

    def note(self, line: int, text: str) -> None:
        self.notes.append(Note(line, text))

    def forget(self, words: Sequence[Word]) -> None:
        """Takes what the command sets, if it runs, as having no known value."""
        self.variables.forget(
            _names_set(words),
            f"line {words[0].line} may set, as only running the script can tell",
        )

    def run(self, words: Sequence[Word]) -> bool | None:
        """Follows one command; whether it succeeds, where reading can tell."""
        self.launched = False
        rest = list(words)
        while rest and assignment(rest[0]):
            rest.pop(0)
        if not rest:
            for word in words:
                self.variables.assign(word)
            return True
        if rest[0].literal == "[[":
            return decide([self.variables.joined(word) for word in rest[1:-1]], double=True)
        fields = self.variables.fields(rest)
        start = next((at for at, one in enumerate(fields) if one.text or one.whole), len(fields))
        return self._run_fields(fields[start:], rest) if fields[start:] else None

    def _run_fields(self, fields: list[Field], words: list[Word]) -> bool | None:
        name, line = fields[0].text.rpartition("/")[2], words[0].line
        if name in ("[", "test"):
            return decide(fields[1:-1] if name == "[" else fields[1:], double=False)
        if name in _SETS_BY_RUNNING:
            self.forget(words)
            return None
        if name in _OTHER_FILES:
            self.note(line, f"what `{shown(name)}` brings in is left out.")
        elif name == "exit":
            self.note(line, "the script ends here, at `exit`.")
            self.ended = True
        elif name not in _QUIET and not self._set(name, fields, words):
            self.met.append(Command(line, tuple(fields)))
            self.launched = name.startswith(_LAUNCHERS) or name.endswith(".py")
            return True if self.launched else None
        elif name == "set" and len(fields) > 1 and fields[1].text == "--":
            self.variables.arguments = [one.text for one in fields[2:] if one.handed_over]
        return name != "false"

    def _set(self, name: str, fields: list[Field], words: list[Word]) -> bool:
        """Carries out a command that changes variables or arguments; False for any other."""
        if name in _DECLARE:
            for word in words[1:]:
                self.variables.assign(word)
        elif name == "unset":
            for one in fields[1:]:
                self.variables.named.pop(one.text, None)
        elif name == "shift":
            count = int_of(fields[1].text) if len(fields) > 1 else 1
            del self.variables.arguments[: max(count or 0, 0)]
        else:
            return False
        return True


def _names_set(words: Sequence[Word]) -> list[str]:
    names = [found[0] for word in words if (found := assignment(word))]
    if words[0].literal in _SETS_BY_RUNNING:
        names += [word.literal for word in words[1:] if word.literal]
    return names
