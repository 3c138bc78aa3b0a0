"""`vlcli explain`: what a key means, or the long story of a problem code."""

from __future__ import annotations

from typing import Annotated

import typer

from vlcli.cli.options import USAGE, Json


def explain(
    word: Annotated[
        str | None, typer.Argument(metavar="[KEY | CODE]", help="A key such as lora_dim, or R20.")
    ] = None,
    json: Json = False,
) -> None:
    """Explain a key or a problem code; without one, list all keys by group."""
    from vlcli.cli.screen import say
    from vlcli.spec import catalogue
    from vlcli.spec.entries import nearest
    from vlcli.spec.fields import about

    if word is None:
        _list_keys(json)
        return
    keys = catalogue.keys()
    spelled = {also: name for name, key in keys.items() for also in about(key.field).also}
    name = spelled.get(word, word)
    if name in keys:
        _key(keys[name], json)
        return
    codes = catalogue.codes()
    if word.upper() in codes:
        _code(codes[word.upper()], json)
        return
    near = nearest(word, [*keys, *spelled]) or nearest(word.upper(), codes)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`vlcli explain` lists every key."
    say(f'There is no key or code "{word}". {hint}')
    raise typer.Exit(USAGE)


def _wrapped(text: str, indent: str, first: str | None = None) -> str:
    import textwrap

    first = indent if first is None else first
    return textwrap.fill(text, 98, initial_indent=first, subsequent_indent=indent)


def _key(key, json: bool) -> None:  # type: ignore[no-untyped-def]
    from vlcli.cli.screen import print_json
    from vlcli.spec import catalogue
    from vlcli.spec.fields import about, expected
    from vlcli.spec.values import shown

    known = about(key.field)
    default = shown(key.field.get_default())
    needs = [f"only {need.when}" if need.keys else need.when for need in known.needs]
    touching = catalogue.touching(key.name)
    if json:
        print_json(
            {
                "key": key.name,
                "group": key.group,
                "description": key.field.description,
                "expected": expected(key.field),
                "default": key.field.get_default(),
                "matters": needs,
                "also": list(known.also),
                "published": known.published,
                "owners": list(key.owners),
                "rules": [dict(zip(("code", "severity", "title"), each, strict=True))
                          for each in touching],
            }
        )
        return
    origin = "VL-Adapter listing" if known.published else "new here"
    rows = [
        ("type", expected(key.field)),
        ("default", default),
        *[("read", need) for need in needs],
        *([("also", ", ".join(known.also))] if known.also else []),
        ("of", ", ".join(key.owners)),
        ("from", origin),
        *[("rule" if not number else "", f"{code} ({severity}): {title}")
          for number, (code, severity, title) in enumerate(touching)],
    ]
    print(f"{key.name}  ({key.group})")
    print(_wrapped(key.field.description or "", "  "))
    for heading, text in rows:
        print(_wrapped(text, " " * 11, f"  {heading:9}"))


def _code(code, json: bool) -> None:  # type: ignore[no-untyped-def]
    from vlcli.cli.screen import print_json
    from vlcli.spec import catalogue

    rules = [rule for rule in catalogue.rules() if rule.code == code.code]
    keys = list(dict.fromkeys(key for rule in rules for key in rule.keys))
    if json:
        print_json({**code._asdict(), "keys": keys})
        return
    print(f"{code.code}{f' ({code.severity})' if code.severity else ''}: {code.title}")
    print(_wrapped(code.story, "  "))
    if keys:
        print(_wrapped("keys: " + ", ".join(keys), "  "))


def _list_keys(json: bool) -> None:
    from vlcli.cli.screen import console, print_json
    from vlcli.spec import catalogue
    from vlcli.spec.values import shown

    keys = catalogue.keys().values()
    if json:
        print_json(
            [
                {"key": key.name, "group": key.group, "description": key.field.description}
                for key in keys
            ]
        )
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    for group in dict.fromkeys(key.group for key in keys):
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, min_width=34)
        table.add_column(no_wrap=True, min_width=12)
        table.add_column()
        for key in keys:
            if key.group == group:
                description = key.field.description or ""
                table.add_row(
                    f"  {key.name}",
                    Text(shown(key.field.get_default()), "cyan"),
                    description.split(". ")[0].rstrip("."),
                )
        out.print(Text(group, "bold"))
        out.print(table)
        out.print()
