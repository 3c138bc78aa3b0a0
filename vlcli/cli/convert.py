"""`vlcli convert`: a published command line or shell script becomes a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlcli.cli.options import BAD_SPEC, MISSING, USAGE, Json


def convert(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[SCRIPT.sh [ARG...] | -- FLAG...]",
            help="A shell script with its own arguments, or published flags behind --.",
        ),
    ],
    json: Json = False,
) -> None:
    """Turn a published VL-T5 / VL-Adapter command line into a spec.

    A script is read, never executed. What could not be carried over is named.
    """
    from vlcli.cli.screen import print_json, print_problems, say
    from vlcli.spec.convert import ConvertError, convert_script, convert_words, render
    from vlcli.spec.read import read_spec_text

    try:
        if words[0].endswith(".sh") or (not words[0].startswith("-") and Path(words[0]).is_file()
                                        and not words[0].endswith(".py")):
            text = _read_script(Path(words[0]))
            converted = convert_script(text, words[0], words[1:])
            title = f"Converted from {words[0]}"
        else:
            converted = [convert_words(words)]
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
