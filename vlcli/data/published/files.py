"""Reading published annotation files, and a sentence for each way they can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from vlcli.spec.problem import UserError

from ..records import Tell
from ..references import is_name, other_root

MANY = 12  # splits that a sentence lists

Made = TypeVar("Made")
Entries = Iterator[tuple[str, Any]]  # each with its place; a UserError for one that cannot be read


def held(path: Path, what: str) -> bytes:
    """The bytes of a file. UserError where it is missing (`what` it is and what makes it) or
    cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}. {what}.") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error


def text(path: Path, what: str) -> str:
    """The text of a file; UserError names the line that is not UTF-8."""
    found = held(path, what)
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: the text is not UTF-8.") from error


def lines(path: Path, what: str) -> list[str]:
    """The lines of a file, each without its end and the space around it."""
    found = text(path, what).split("\n")
    return [line.strip() for line in (found if found[-1].strip() else found[:-1])]


def json_value(path: Path, what: str) -> Any:
    """The value of a JSON file."""
    try:
        return json.loads(text(path, what))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}.") from error


def each_value(
    values: Iterable[tuple[str, Any]], make: Callable[[Any, str], Made], each_fault: Tell
) -> list[Made]:
    """What `make` makes of every value and its place; a fault of a value goes to `each_fault`, and
    the value is left out where that does not raise it."""
    found: list[Made] = []
    for place, value in values:
        try:
            found.append(make(value, place))
        except UserError as fault:
            each_fault(fault)
    return found


def each_of(
    entries: Iterable[tuple[str, Any]],
    make: Callable[[dict[str, Any], str], Made],
    each_fault: Tell,
) -> list[Made]:
    """The same of entries, which are to be objects."""
    return each_value(
        entries, lambda entry, place: make(an_object(entry, place), place), each_fault
    )


def json_lines(path: Path, what: str) -> Entries:
    """The values of a JSON Lines file; blank lines are passed over."""
    for number, line in enumerate(text(path, what).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, UserError(f"{place}: this is not JSON ({error}).", exit_code=3)


def entries(path: Path, what: str, name: str = "entry") -> Entries:
    """The values of a JSON file that holds a list of them."""
    yield from numbered(a_list(json_value(path, what), path), path, name)


def numbered(values: Iterable[Any], path: Path, name: str) -> Entries:
    """Values with their places: what they are called in a file, and their numbers."""
    for number, value in enumerate(values, start=1):
        yield f"{path}, {name} {number}", value


def an_object(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, UserError):
        raise value
    if not isinstance(value, dict):
        raise UserError(f"{place}: a record is an object, {{...}}.", exit_code=3)
    return value


def a_list(value: Any, path: Path) -> list[Any]:
    if not isinstance(value, list):
        raise UserError(f"{path} holds no list where one is expected.", exit_code=3)
    return value


def field(value: Any, name: str, path: Path) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise UserError(f'{path} has no "{name}".', exit_code=3)
    return value[name]


def given(entry: dict[str, Any], name: str, place: str) -> Any:
    """What an entry holds under a name."""
    if entry.get(name) is None:
        raise UserError(f'{place}: there is no "{name}".', exit_code=3)
    return entry[name]


def a_text(entry: dict[str, Any], name: str, place: str) -> str:
    value = given(entry, name, place)
    return value if isinstance(value, str) else wrong(name, "a text", place)


def an_id(entry: dict[str, Any], name: str, place: str) -> str:
    value = given(entry, name, place)
    right = isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
    return str(value) if right else wrong(name, "a text or a whole number", place)


def a_picture(entry: dict[str, Any], name: str, place: str) -> str:
    """The name of a picture or a clip: no path, which could lead elsewhere."""
    value = given(entry, name, place)
    right = isinstance(value, str) and is_name(value) and "#" not in value
    return value if right else wrong(name, "the name of a picture", place)


def a_position(entry: dict[str, Any], name: str, below: int, place: str) -> int:
    value = given(entry, name, place)
    right = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below
    return value if right else wrong(name, f"a number from 0 to {below - 1}", place)


def objects(entry: dict[str, Any], name: str, place: str) -> list[dict[str, Any]]:
    value = given(entry, name, place)
    right = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if right else wrong(name, "a list of objects", place)


def wrong(name: str, words: str, place: str) -> NoReturn:
    raise UserError(f'{place}: "{name}" must be {words}.', exit_code=3)


def known_split(split: str, known: Iterable[str], whose: str) -> None:
    """UserError where a split is not among those that a data set has."""
    known = list(known)
    if split not in known:
        raise UserError(
            f'{whose} have no split "{split}"; they have {", ".join(known)}.', exit_code=3
        )


def no_split(split: str, things: str, whose: str, there: Iterable[str], root: Path) -> str:
    """What a missing file of a split is, and the splits that are there instead."""
    found = sorted(there)
    shown = ", ".join(found[:MANY]) + (", ..." if len(found) > MANY else "")
    end = f"; splits there: {shown}" if found else other_root(root)
    return f'The {things} of the split "{split}" of {whose}{end}'
