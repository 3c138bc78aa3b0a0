"""`vlcli convert`: a published command line or shell script becomes a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vlcli.cli.options import BAD_SPEC, MISSING, USAGE, Json


def convert(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SCRIPT.sh | -- FLAG",
            help="A shell script with its own arguments, or published flags behind --.",
        ),
    ],
    tool: Annotated[
        Literal["vlt5", "itra"],
        typer.Option("--from", help="Whose command it is: of VL-T5 and VL-Adapter, or of ITRA."),
    ] = "vlt5",
    json: Json = False,
) -> None:
    """Turn a command of VL-T5, VL-Adapter or ITRA into a spec.

    A script is read, never executed. What could not be carried over is named.
    """
    from vlcli.cli.screen import print_json, print_problems, say
    from vlcli.spec.convert import ConvertError, convert_script, convert_words, render
    from vlcli.spec.read import read_spec_text

    if len(words) == 1 and " " in words[0].strip() and not Path(words[0]).exists():
        words = _split(words[0])
    try:
        if _is_script(words):
            text = _read_script(Path(words[0]))
            converted = convert_script(text, words[0], words[1:], tool)
            title = f"Converted from {words[0]}"
        else:
            converted = [convert_words(words, tool)]
            title = "Converted from a published command line"
    except ConvertError as error:
        say(str(error))
        raise typer.Exit(BAD_SPEC) from None
    if json:
        print_json([{"spec": each.values, "notes": list(each.notes)} for each in converted])
        return
    for each in converted:
        text = render(each, title)
        print(text)
        reading = read_spec_text(text, "the converted spec")
        if reading.problems:
            say("")
            print_problems(reading, stderr=True)


def _split(line: str) -> list[str]:
    """The words of a command line that was given as one."""
    import shlex

    from vlcli.cli.screen import say

    try:
        return shlex.split(line.replace("\\\n", " "))
    except ValueError as error:
        say(f"The command line cannot be read: {error}.")
        raise typer.Exit(BAD_SPEC) from None


def _is_script(words: list[str]) -> bool:
    """Whether a script is named; a published command begins with a flag or names a .py."""
    first = words[0]
    if first.startswith("-") or first.endswith(".py"):
        return False
    return (
        first.endswith(".sh")
        or Path(first).exists()
        or not any(word.endswith(".py") or word.startswith("-") for word in words)
    )


def _read_script(path: Path) -> str:
    from vlcli.cli.screen import say

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        say(f"{path} cannot be read: {error.strerror}.")
        raise typer.Exit(MISSING) from None
    except UnicodeDecodeError:
        say(f"{path} is not a UTF-8 text.")
        raise typer.Exit(USAGE) from None
