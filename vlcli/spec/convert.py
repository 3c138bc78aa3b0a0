"""Turns a command line of a published tool, or the script around it, into a run spec."""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlcli.spec.itra import ITRA
from vlcli.spec.published import VLT5, ConvertError, Tool, Values, shown
from vlcli.spec.runners import as_run
from vlcli.spec.shell import MOST_WORDS, Command, Field, Note, read_script

__all__ = ["TOOLS", "ConvertError", "Converted", "convert_script", "convert_words", "render"]

MOST_SPECS = 100  # of one script

_NPROC_FLAGS = ("--nproc_per_node", "--nproc-per-node", "--num_processes", "--num_gpus")
_STARTERS = re.compile(
    r"(python[0-9.]*|torchrun|accelerate|deepspeed|horovodrun|mpirun|srun|nohup|env|exec|nice"
    r"|numactl|sudo|taskset|.*\.py)"
)


@dataclass(frozen=True)
class Converted:
    """A spec in the making: its keys in the order written, and what could not be carried over."""

    values: dict[str, Any]
    notes: tuple[str, ...]
    nproc: str | None


@dataclass(frozen=True)
class _Launch:
    """A command line in three: what starts the script, the script, and the script's own words."""

    line: int
    starter: Sequence[Field]
    script: Field | None
    words: Sequence[Field]

    @property
    def runner(self) -> str | None:
        return self.script.text.rpartition("/")[2] if self.script else None


def convert_words(words: Sequence[str], tool: str = "vlt5") -> Converted:
    """The spec that a command line as typed asks for; what starts it may stand in front.

    Raises ConvertError where the published parser would refuse the flags.
    """
    if not words:
        raise ConvertError("There is nothing to convert: give the published flags after `--`.")
    if len(words) > MOST_WORDS:
        raise ConvertError(f"The command line has {len(words)} words; at most {MOST_WORDS} count.")
    fields = [Field(word) for word in words]
    asked = TOOLS[tool]
    launch = None if words[0].startswith("-") else _launch(fields, 0, asked)
    return _convert(launch or _Launch(0, (), None, fields), (), asked)


def convert_script(
    text: str, name: str, arguments: Sequence[str], tool: str = "vlt5"
) -> list[Converted]:
    """The specs of all training commands in a shell script that is called with `arguments`.

    Raises ConvertError when there is none, or when one could not have run.
    """
    asked = TOOLS[tool]
    script = read_script(text, arguments)
    launches: list[_Launch] = []
    notes = list(script.notes)
    for command in script.commands:
        launch = _launch(command.fields, command.line, asked)
        if launch and launch.runner in asked.scripts and _starts(command):
            launches.append(launch)
        else:
            notes.append(Note(command.line, _why_not(command, launch)))
    if len(launches) > MOST_SPECS:
        raise ConvertError(f"{shown(name)} holds over {MOST_SPECS} training commands.")
    if launches:
        return [_convert(launch, notes, asked) for launch in launches]
    reasons = "; ".join(_sentence(note).rstrip(".") for note in _in_order(notes)[:3])
    raise ConvertError(
        f"{shown(name)} holds no training command that can be read"
        + (f": {reasons}." if reasons else ".")
    )


def render(converted: Converted, title: str) -> str:
    """The spec as JSON5 text, with the notes as comments on top."""
    comments = [
        line
        for sentence in (title, *converted.notes)
        for line in textwrap.wrap(
            shown(sentence, 1000),
            97,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
    top = "".join(f"// {line}\n" for line in comments)
    body = "".join(f'    "{key}": {_json5(value)},\n' for key, value in converted.values.items())
    return f"{top}{{\n{body}}}\n"


def _json5(value: Any) -> str:
    """JSON, with what would not survive UTF-8 or a line of JSON5 escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]", lambda m: f"\\u{ord(m.group()):04x}", text
    )


def _launch(fields: Sequence[Field], line: int, tool: Tool) -> _Launch | None:
    """Divides a command at the first Python file it names, or a module that is the tool's; None
    where it names none."""
    for at, field in enumerate(fields):
        if field.text == "-c":
            return None
        if field.text in tool.modules and at and fields[at - 1].text == "-m":
            script = replace(field, text=f"{field.text.replace('.', '/')}.py")
            return _Launch(line, fields[: at - 1], script, fields[at + 1 :])
        if field.text.endswith(".py"):
            return _Launch(line, fields[:at], field, fields[at + 1 :])
    return None


def _starts(command: Command) -> bool:
    return _STARTERS.fullmatch(command.fields[0].text.rpartition("/")[2]) is not None


def _why_not(command: Command, launch: _Launch | None) -> str:
    if launch and launch.script and not launch.script.whole and _starts(command):
        return f"what this line starts is left out, as {_lack(launch.script)}."
    told = " ".join(
        field.text for field in command.fields[: len(launch.starter) + 1 if launch else 1]
    )
    return f"`{shown(told)}` starts none of the published runners and is left out."


def _convert(launch: _Launch, notes: Iterable[Note], tool: Tool) -> Converted:
    found = list(notes)

    def note(text: str) -> None:
        found.append(Note(launch.line, text))

    words = _without_gaps(launch.words, found, tool)
    try:
        written, strays = tool.read_flags([word.text for word in words])
    except ConvertError as error:
        raise ConvertError(_sentence(Note(launch.line, str(error)))) from None
    if strays:
        note(f"not carried over: {shown(shlex.join(strays), 300)}; there is no such argument.")
    if written.pop("help", None):
        note("--help is left out.")
    for key, several in written.items():
        if len(several) > 1:
            note(f"{tool.flags[key]} is written {len(several)} times; the last one counts.")
    launched = [tool.flags[key] for key in written if key in tool.launch]
    nproc = _processes(launch, launched, found)
    task = tool.scripts.get(launch.runner or "")
    values: dict[str, Any] = {"task": task} if task else {}
    for key, several in written.items():
        if key not in tool.launch:
            values[key] = _read(key, several[-1], tool)
    values, told = tool.as_run(launch.runner, values)
    for text in (*told, *tool.advice(launch.runner, values)):
        note(text)
    return Converted(values, tuple(_sentence(note) for note in _in_order(found)), nproc)


def _without_gaps(words: Sequence[Field], notes: list[Note], tool: Tool) -> list[Field]:
    """The words that are known; a flag whose value is not known goes with it, and is named."""
    kept: list[Field] = []
    for word in words:
        if word.whole:
            kept.append(word)
            continue
        what = f"`{shown(word.text)}`" if word.text else "a word"
        if word.text.startswith("--"):
            what = shown(word.text.partition("=")[0])
        elif kept and _awaits_value(kept[-1].text, tool):
            what = shown(kept.pop().text)
        notes.append(Note(word.line, f"{what} is left out, as {_lack(word)}."))
    return kept


def _awaits_value(word: str, tool: Tool) -> bool:
    argument = tool.find(word)
    return word.startswith("--") and "=" not in word and (argument is None or argument.takes_value)


def _lack(word: Field) -> str:
    if word.unknown:
        return f"it needs {word.unknown}"
    if word.missing[1:].isdecimal():
        return f"it needs {word.missing}: give it after the file name"
    return f"it needs {word.missing}, which the script does not set"


def _processes(launch: _Launch, launched: Sequence[str], notes: list[Note]) -> str | None:
    """How many processes were asked for; notes who starts them now."""
    asked = _nproc_field(launch.starter)
    known = asked is not None and asked.whole and re.fullmatch("[0-9]{1,4}|[a-z]{1,8}", asked.text)
    number = asked.text if asked and known else None
    gone = f"{' and '.join(launched)} {'are' if len(launched) > 1 else 'is'} left out"
    if asked and number != "1":
        text = f"start it with `torchrun --nproc_per_node {number or 'N'} -m vlcli train SPEC`"
        if not asked.whole:
            text += f" (N is not known, as {_lack(asked)})"
        notes.append(Note(launch.line, text + (f"; {gone}." if launched else ".")))
    elif launched:
        notes.append(Note(launch.line, f"{gone}, as one process is the default here."))
    return number


def _nproc_field(starter: Sequence[Field]) -> Field | None:
    for at, field in enumerate(starter):
        flag, equals, value = field.text.partition("=")
        if flag not in _NPROC_FLAGS:
            continue
        if equals:
            return Field(value, field.line, field.missing, field.unknown)
        return starter[at + 1] if at + 1 < len(starter) else None
    return None


def _read(key: str, value: Any, tool: Tool) -> Any:
    return int(value) if key in tool.whole and float(value).is_integer() else value


def _advice(runner: str | None, values: Values) -> list[str]:
    """What the published runners of VL-T5 took for granted and the flags do not say."""
    task = values.get("task")
    if task is None and runner:
        return [f"{shown(runner)} is no published runner: add `task`."]
    if task is None:
        return ["no runner is named, so the task is not known: add `task`."]
    if task == "multitask" and not values.get("tasks"):
        return ["the published multitask trains nothing without --tasks: add `tasks`."]
    if str(task).startswith("pretrain") and "losses" not in values:
        return [
            "--losses is not given; the published default also names obj, attr and feat, which "
            "have no code, so the default of vlcli is taken."
        ]
    return []


def _in_order(notes: Iterable[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: note.line)


def _sentence(note: Note) -> str:
    if note.line:
        return f"Line {note.line}: {note.text}"
    return note.text[:1].upper() + note.text[1:]


# Whose commands can be read, by the name that `vlcli convert --from` takes.
TOOLS = {"vlt5": replace(VLT5, as_run=as_run, advice=_advice), "itra": ITRA}
