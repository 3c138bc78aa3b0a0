"""`vlcli explain`: what a key means, or the long story of a problem code."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from vlcli.cli.options import USAGE, Json

if TYPE_CHECKING:
    from rich.text import Text

    from vlcli.spec.catalogue import Code, Key


def explain(
    word: Annotated[
        str | None, typer.Argument(metavar="KEY | CODE", help="A key such as lora_dim, or R20.")
    ] = None,
    json: Json = False,
) -> None:
    """Explain a key or a problem code, or list all keys."""
    from vlcli.cli.screen import say
    from vlcli.spec import catalogue
    from vlcli.spec.entries import nearest
    from vlcli.spec.keys import near_keys

    if word is None:
        _list_keys(json)
        return
    keys = catalogue.keys()
    spelled = {also: name for name, key in keys.items() for also in key.field.also}
    name = spelled.get(word, word)
    if name in keys:
        _key(keys[name], json)
        return
    codes = catalogue.codes()
    if word.upper() in codes:
        _code(codes[word.upper()], json)
        return
    if _published(word, json):
        return
    near = near_keys(word, {name: key.field for name, key in keys.items()})
    near = near or nearest(word.upper(), codes)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`vlcli explain` lists every key."
    say(f'There is no key or code "{word}". {hint}')
    raise typer.Exit(USAGE)


def _published(word: str, json: bool) -> bool:
    """Tell what became of an argument of ITRA that has no key of its name; whether it is one."""
    from vlcli.cli.screen import print_json
    from vlcli.spec.itra import FATES

    argument = word.lstrip("-").replace("-", "_")
    fate = FATES.get(argument)
    if fate is None:
        return False
    if json:
        print_json({"argument": argument, "tool": "ITRA", **fate._asdict()})
        return True
    print(f"--{argument}  (argument of ITRA)")
    if fate.key is not None:
        print(_wrapped(f"Here it is {fate.key}: vlcli explain {fate.key}", "  "))
    else:
        print(_wrapped(f"It has no key: {fate.why}.", "  "))
    return True


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    """Text as wide as the terminal, and at most 98 characters."""
    first = indent if first is None else first
    width = max(min(shutil.get_terminal_size((98, 24)).columns, 98), 30)
    return textwrap.fill(text, width, initial_indent=first, subsequent_indent=indent)


def _key(key: Key, json: bool) -> None:
    from vlcli.cli.screen import print_json
    from vlcli.spec import catalogue
    from vlcli.spec.fields import expected
    from vlcli.spec.values import shown

    known = key.field
    default = shown(key.field.default)
    needs = [f"only {need.when}" if need.keys else need.when for need in known.needs]
    touching = catalogue.touching(key.name)
    if json:
        print_json(
            {
                "key": key.name,
                "group": key.group,
                "description": key.field.description,
                "expected": expected(key.field),
                "by_task": key.field.by_task,
                "default": key.field.default,
                "matters": needs,
                "also": list(known.also),
                "published": known.published,
                "owners": list(key.owners),
                "rules": [
                    dict(zip(("code", "severity", "title"), each, strict=True)) for each in touching
                ],
            }
        )
        return
    origin = "VL-Adapter listing" if known.published else "new here"
    rows = [
        ("type", expected(key.field) + ", or an object of them by task" * key.field.by_task),
        ("default", default),
        *[("read", need) for need in needs],
        *([("also", ", ".join(known.also))] if known.also else []),
        ("of", ", ".join(key.owners)),
        ("from", origin),
        *[
            ("rule" if not number else "", f"{code} ({severity}): {title}")
            for number, (code, severity, title) in enumerate(touching)
        ],
    ]
    print(f"{key.name}  ({key.group})")
    print(_wrapped(key.field.description or "", "  "))
    for heading, text in rows:
        print(_wrapped(text, " " * 11, f"  {heading:9}"))


def _code(code: Code, json: bool) -> None:
    from vlcli.cli.screen import print_json
    from vlcli.spec import catalogue

    rules = [rule for rule in catalogue.rules() if rule.code == code.code]
    keys = list(dict.fromkeys(key for rule in rules for key in rule.keys))
    if json:
        print_json({**code._asdict(), "keys": keys})
        return
    print(f"{code.code}{f' ({code.severity})' if code.severity else ''}: {code.title}")
    for line in code.story.splitlines():
        print(_wrapped(line, "  "))
    if keys:
        print(_wrapped("keys: " + ", ".join(keys), "  "))


def _list_keys(json: bool) -> None:
    from vlcli.cli.screen import console, print_json
    from vlcli.spec import catalogue

    keys = catalogue.keys().values()
    if json:
        print_json(
            [
                {"key": key.name, "group": key.group, "description": key.field.description}
                for key in keys
            ]
        )
        return
    from rich.text import Text

    out = console()
    for group in dict.fromkeys(key.group for key in keys):
        out.print(Text(group, "bold"))
        for key in keys:
            if key.group == group:
                out.print(_row(key, out.width))
        out.print()


def _row(key: Key, width: int) -> Text:
    """Name, default and first sentence: beside each other, or on narrow screens below."""
    from rich.text import Text

    from vlcli.spec.catalogue import first_sentence
    from vlcli.spec.values import shown

    default = shown(key.field.default)
    sentence = first_sentence(key.field.description or "")
    if width < 90 or len(default) > 14:
        below = textwrap.fill(
            sentence, max(width, 30), initial_indent=" " * 6, subsequent_indent=" " * 6
        )
        return Text.assemble(f"  {key.name}  ", (default, "cyan"), "\n", below)
    lines = textwrap.wrap(sentence, width - 52) or [""]
    rest = "".join(f"\n{'':52}{line}" for line in lines[1:])
    return Text.assemble(f"  {key.name:<34}", (f"{default:<16}", "cyan"), lines[0], rest)
