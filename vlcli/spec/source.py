"""JSON5 text to values and the place of every key, reading on past every mistake in the text.

The scanner here finds tokens, limits, duplicates and places. Conversion of what it accepts is the
work of `json5`; only what reads the same in every language (true, 12, 0.5, "butd") is taken
directly, because `json5` needs 25 microseconds for each character.
"""

from __future__ import annotations

import errno
import math
import os
import re
import stat
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from vlcli.spec.problem import KeyPath, KeyPlace, Place, Problem, dotted, in_order

MAX_BYTES = 64 * 1024
MAX_DEPTH = 64
MAX_PROBLEMS = 20
MAX_INTEGER = 2**63 - 1
MAX_NUMBER_LENGTH = 400

Span = tuple[int, int]

_LINE_ENDS = "\n\r\u2028\u2029"
_SPACE = r"\t\v\f \u00a0\ufeff\u1680\u2000-\u200a\u202f\u205f\u3000" + _LINE_ENDS
_LINE_END = re.compile(f"\r\n|[{_LINE_ENDS}]")
_STRINGS = [rf"{q}(?:[^{q}\\\r\n]|\\(?:\r\n|[\s\S]|\Z))*" for q in "\"'"]  # up to the last quote
_TOKEN = re.compile(
    rf"(?P<space>(?:[{_SPACE}]+|//[^{_LINE_ENDS}]*|/\*[\s\S]*?\*/)+)"
    rf"|(?P<string>{_STRINGS[0]}\"|{_STRINGS[1]}')"
    rf"|(?P<cut>{'|'.join(_STRINGS)})"
    rf"|(?P<word>(?:\\u[0-9a-fA-F]{{4}}|[^{_SPACE},:;=\[\](){{}}\"'/\\#])+)"
    rf"|(?P<hash>#[^{_LINE_ENDS}]*)"
    r"|(?P<comment>/\*[\s\S]*)"
    r"|(?P<stray>(?:\\|/(?![/*]))+)"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|0(?![0-9])|\r\n|[^ux0-9])")
_MEANINGFUL = "bfnrtvx0" + _LINE_ENDS  # any other character after a backslash is itself
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F]+"
    r"|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)
_NOT_FINITE = re.compile("[+-]?(?:NaN|Infinity)")
_ASCII_NAME = re.compile("[A-Za-z_$][A-Za-z0-9_$]*")
_NAME_START = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"}
_NAME_REST = _NAME_START | {"Mn", "Mc", "Nd", "Pc"}

_CLOSER = {"{": "}", "[": "]", "(": ")"}
_CLOSERS = set(_CLOSER.values())
_MARKS = {*_CLOSER, *_CLOSERS, ",", ":", ";", "="}
_CONSTANTS = {"true": True, "false": False, "null": None}
_MEANT = {"none": "null", "nil": "null", "undefined": "null"} | {c: c for c in _CONSTANTS}
_YES_NO = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True)
class Source:
    """A spec as written: what it says, and where; recovered as far as the text lets us."""

    name: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    spots: dict[KeyPath, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    lost: frozenset[str] = frozenset()


def read_file(path: str | Path) -> Source:
    """The spec in a file; what is wrong with the file is a problem of the source too."""
    name = str(path)
    try:
        size, data = _contents(path)
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no file {_shown(name, 200)}."
        return _without_values(name, "F1", message, "Check the path.")
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        why = getattr(error, "strerror", None) or str(error)
        message = f"The file {_shown(name, 200)} cannot be read: {_shown(why, 200)}."
        return _without_values(name, "F2", message, "Name a file that you may read.")
    if size > MAX_BYTES:
        return _too_long(name, "", size)
    try:
        return read_text(data.decode(), name)
    except UnicodeDecodeError as error:
        return _not_utf8(name, data, error.start)


def read_text(text: str, name: str) -> Source:
    """The spec in a text. Lines and columns do not count a byte order mark at the beginning."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return _too_long(name, text, size)
    text = text.removeprefix("\ufeff")
    reader = _Reader(text)
    values = reader.read()
    problems = reader.report.all()
    if reader.report.fatal:
        return Source(name, text, problems=problems)
    lost = frozenset(reader.lost - values.keys())
    return Source(name, text, values, reader.keys, reader.spots, problems, lost)


def _contents(path: str | Path) -> tuple[int, bytes]:
    """The size of the file, and its bytes where the size is within the limit."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    if not stat.S_ISREG(found.st_mode):  # to open a pipe would be to wait for its writer
        raise OSError(errno.EINVAL, "it is a device or a pipe")
    if found.st_size > MAX_BYTES:
        return found.st_size, b""
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)  # the size is 0 in /proc, and a file may grow
    return len(data), data


def _without_values(name: str, code: str, message: str, fix: str, text: str = "") -> Source:
    return Source(name, text, problems=(Problem(code, "error", message, fix),))


def _too_long(name: str, text: str, size: int) -> Source:
    message = f"The file has {size:,} bytes, and a run spec may have {MAX_BYTES:,} (64 KiB)."
    fix = "Name a run spec, and keep data in files of its own."
    return _without_values(name, "S4", message, fix, text)


def _not_utf8(name: str, data: bytes, at: int) -> Source:
    text = data.decode(errors="replace").removeprefix("\ufeff")
    before = len(data[:at].decode().removeprefix("\ufeff"))
    place = Lines(text).place(before, before + 1)
    message = (
        f"The file is not UTF-8 text: the byte 0x{data[at]:02x} at offset {at}, "
        f"in line {place.line}, cannot be read."
    )
    problem = Problem("S0", "error", message, "Save the file as UTF-8.", place=place)
    return Source(name, text, problems=(problem,))


class Lines:
    """Where the lines of a text begin and end, by the line ends that JSON5 knows."""

    def __init__(self, text: str) -> None:
        ends = list(_LINE_END.finditer(text))
        self.text = text
        self.starts = [0, *(end.end() for end in ends)]
        self.ends = [*(end.start() for end in ends), len(text)]

    def number(self, at: int) -> int:
        return bisect_right(self.starts, at)

    def place(self, start: int, end: int) -> Place:
        """The stretch from `start`, as far as it lies on one line."""
        line = self.number(start)
        stretch = self.text[start : min(end, self.ends[line - 1])].rstrip()
        return Place(line, start - self.starts[line - 1] + 1, max(1, len(stretch)))


class _Report:
    """The problems of one text; after the first few only that there are more."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.problems: list[Problem] = []
        self.more: tuple[Problem, ...] = ()
        self.fatal: tuple[Problem, ...] = ()

    def add(
        self,
        where: Span,
        message: str,
        fix: str,
        path: KeyPath = (),
        *,
        code: str = "S1",
        places: tuple[KeyPlace, ...] = (),
    ) -> None:
        if self.more:
            return
        place = self.lines.place(*where)
        if len(self.problems) < MAX_PROBLEMS:
            problem = Problem(code, "error", message, fix, dotted(path), place, places=places)
            self.problems.append(problem)
        else:
            message = f"There are more than {MAX_PROBLEMS} mistakes; the others are not shown."
            self.more = (Problem("S1", "error", message, "Mend these first.", place=place),)

    def refuse(self, where: Span | None, code: str, message: str, fix: str) -> None:
        """The one problem of a text that gives no values."""
        place = self.lines.place(*where) if where else None
        self.fatal = self.fatal or (Problem(code, "error", message, fix, place=place),)

    def all(self) -> tuple[Problem, ...]:
        return self.fatal or (*in_order(self.problems), *self.more)


class _Token(NamedTuple):
    """`kind` is the character itself for , : ; = and brackets, or one of the words below."""

    kind: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return self.start, self.end


_STRING, _CUT, _WORD, _STRAY, _END = "string", "cut", "word", "stray", "end"
_VALUES = {_STRING, _CUT, _WORD, *_CLOSER}
_STOPS = {",", ";", *_CLOSERS, _END}


class _Tokens:
    """The tokens of a text, and what can be known of them without the grammar."""

    def __init__(self, text: str, lines: Lines, report: _Report) -> None:
        self.text, self.lines, self.report = text, lines, report
        self.open_comment = False
        self.after_hash: set[int] = set()  # tokens that a # comment precedes
        self.first_on_line: set[int] = {0}
        self.all: list[_Token] = []
        self.too_deep: _Token | None = None  # the first opener beyond the limit
        at = depth = 0
        while at < len(text) and not self.too_deep:
            if (char := text[at]) in _MARKS:
                self.all.append(_Token(char, at, at + 1))
                depth = max(0, depth + (char in _CLOSER) - (char in _CLOSERS))
                self.too_deep = self.all[-1] if depth > MAX_DEPTH else None
                at += 1
            elif match := _TOKEN.match(text, at):
                at = self._take(match)
        self.all.append(_Token(_END, at, at))
        self.partner, self.closers_from = self._brackets()

    def _take(self, match: re.Match[str]) -> int:
        """Keeps the token, or tells of the comment; the position after it."""
        kind, (start, end) = match.lastgroup or _STRAY, match.span()
        if kind == "space":
            if _LINE_END.search(match[0]):
                self.first_on_line.add(len(self.all))
        elif kind == "hash":
            fix = "Begin the comment with //."
            self.report.add((start, end), "A # begins no comment in JSON5.", fix)
            self.after_hash.add(len(self.all))
        elif kind == "comment":
            message = "The comment that begins here is never closed."
            self.report.add((start, end), message, "Close it with */.")
            self.open_comment = True
        else:
            end = start + len(_uncut(match[0])) if kind == _CUT else end
            self.all.append(_Token(kind, start, end))
        return end

    def _brackets(self) -> tuple[dict[int, int], list[int]]:
        """The closer of each opener, and from each token on: the closers less the openers."""
        partner: dict[int, int] = {}
        waiting: list[int] = []
        opened = [0]
        for index, token in enumerate(self.all):
            opened.append(opened[-1])
            if token.kind in _CLOSER:
                waiting.append(index)
                opened[-1] += 1
            elif token.kind in _CLOSERS:
                opened[-1] -= 1
                if waiting and _CLOSER[self.all[opener := waiting.pop()].kind] == token.kind:
                    partner[opener] = index
        return partner, [before - opened[-1] for before in opened]

    def raw(self, token: _Token) -> str:
        return self.text[token.start : token.end]

    def is_key(self, at: int) -> bool:
        """Whether token `at` is a key with its colon."""
        return self.all[at].kind in (_STRING, _WORD) and self.all[at + 1].kind in ":="

    def is_value(self, at: int) -> bool:
        """Whether token `at` begins a value that needs no quotes."""
        raw = self.raw(self.all[at])
        if self.all[at].kind == _WORD:
            return raw in _CONSTANTS or _number_like(raw)
        return self.all[at].kind in _VALUES

    def run_from(self, at: int) -> int:
        """The token after those that belong together: to a comma, a closer, a key, the line end."""
        while True:
            at = self.partner.get(at, at) + 1
            if self.all[at].kind in _STOPS or self.is_key(at) or at in self.first_on_line:
                return at


@dataclass
class _Group:
    """An object or a list while it is read."""

    opener: int
    path: KeyPath
    is_object: bool
    members: dict[str, Any] = field(default_factory=dict)
    elements: list[Any] = field(default_factory=list)
    seen: dict[str, Place] = field(default_factory=dict)
    full: bool = False  # an item waits for its comma
    last: _Token | None = None  # where the last value begins
    last_path: KeyPath = ()

    @property
    def noun(self) -> str:
        return "object" if self.is_object else "list"


class _Reader:
    """Walks over the tokens once; after a mistake it goes on where the text makes sense again."""

    def __init__(self, text: str) -> None:
        self.lines = Lines(text)
        self.report = _Report(self.lines)
        self.tokens = _Tokens(text, self.lines, self.report)
        self.text = text
        self.keys: dict[KeyPath, Place] = {}
        self.spots: dict[KeyPath, Place] = {}
        self.lost: set[str] = set()
        self.at = 0
        self.depth = 0
        self.sure = True  # that the value of the present top-level key is what the text says

    @property
    def now(self) -> _Token:
        return self.tokens.all[self.at]

    @property
    def before(self) -> _Token:
        return self.tokens.all[self.at - 1]

    def _refuse(self, token: _Token, code: str, message: str, fix: str) -> None:
        """Ends the reading of a text that gives no values."""
        self.report.refuse(token.span if token.kind != _END else None, code, message, fix)
        self.at = len(self.tokens.all) - 1

    def _refuse_depth(self, token: _Token) -> dict[str, Any]:
        message = f"Objects and lists stand more than {MAX_DEPTH} deep in one another."
        self._refuse(token, "S5", message, "Write fewer levels.")
        return {}

    def _take_run(self) -> Span:
        first = self.now
        self.at = self.tokens.run_from(self.at)
        return first.start, self.before.end

    def _said(self, token: _Token) -> str:
        nouns = {"{": "the object", "[": "the list", "(": "the list"}
        return nouns.get(token.kind) or f"the value {_shown(self.tokens.raw(token))}"

    # The whole text

    def read(self) -> dict[str, Any]:
        if self.tokens.too_deep:
            return self._refuse_depth(self.tokens.too_deep)
        self._preamble()
        first, bare_keys = self.now, self.tokens.is_key(self.at)
        if first.kind == _END:
            if not self.report.problems:
                fix = "Write an object: { and }, with keys between them."
                self._refuse(first, "S6", "The file is empty.", fix)
            return {}
        value = self._value(())
        del self.spots[()]
        if first.kind != "{":
            found = "keys without braces" if bare_keys else self._found(first)
            message = f"The file holds {found}, where a run spec is one object."
            self._refuse(first, "S7", message, "Begin the file with { and end it with }.")
        elif self.now.kind != _END:
            where = self.now.start, self.tokens.all[-2].end
            message = f"{_quoted(self.text[slice(*where)])} follows the end of the object."
            self.report.add(where, message, "Remove it.")
        return value if isinstance(value, dict) else {}

    def _preamble(self) -> None:
        """What stands before the opening brace, as in `config = {`."""
        if self.now.kind == _END or self.tokens.is_value(0) or self.tokens.all[1].kind == ":":
            return
        kinds = [token.kind for token in self.tokens.all]
        if "{" in kinds:
            where = self.now.start, self.tokens.all[kinds.index("{") - 1].end
            message = f"{_quoted(self.text[slice(*where)])} stands before the opening brace."
            self.report.add(where, message, "Remove it.")
            self.at = kinds.index("{")

    def _found(self, token: _Token) -> str:
        raw = self.tokens.raw(token)
        if token.kind in "[(":
            return "a list"
        if token.kind in (_STRING, _CUT):
            return f"the string {_shown(raw)}"
        if _NUMBER.fullmatch(raw):
            return f"the number {_shown(raw)}"
        return f"the value {raw}" if raw in _CONSTANTS else f"the text {_quoted(raw)}"

    # Objects and lists

    def _group(self, path: KeyPath) -> dict[str, Any] | list[Any]:
        group = _Group(self.at, path, is_object=self.now.kind == "{")
        if self.depth == MAX_DEPTH:
            return self._refuse_depth(self.now)
        if self.now.kind == "(":
            message = "A list stands between [ and ], not between ( and )."
            self.report.add(self.now.span, message, "Write [ and ].", path)
        self.depth += 1
        self.at += 1
        while not self._closed(group):
            self._next(group)
        self.depth -= 1
        return group.members if group.is_object else group.elements

    def _next(self, group: _Group) -> None:
        if self.now.kind in _CLOSERS:
            message = f"The {self.now.kind} closes nothing."
            self.report.add(self.now.span, message, "Remove it.", group.last_path)
            self.at += 1
            return None
        if self.now.kind in ",;":
            return self._comma(group) if group.full else self._surplus_comma(group)
        if group.full and not self._starts_item(group):
            return self._surplus(group)
        if group.full:
            self._missing_comma(group)
        return self._member(group) if group.is_object else self._element(group)

    def _starts_item(self, group: _Group) -> bool:
        return self.tokens.is_key(self.at) if group.is_object else self.tokens.is_value(self.at)

    def _comma(self, group: _Group) -> None:
        if self.now.kind == ";":
            message = "A semicolon stands in place of a comma."
            self.report.add(self.now.span, message, "Write a comma.", group.last_path)
        group.full = False
        self.at += 1

    def _surplus_comma(self, group: _Group) -> None:
        first = self.now
        while self.now.kind in ",;":
            self.at += 1
        name = "comma" if first.kind == "," else "semicolon"
        expected = "key" if group.is_object else "value"
        message = f"A {name} stands where a {expected} is expected."
        if group.last:
            message = f"There is a {name} too many after {self._said(group.last)}."
        where = first.start, self.before.end
        self.report.add(where, message, f"Remove the {name}.", group.last_path or group.path)

    def _missing_comma(self, group: _Group) -> None:
        if self.before.kind == _CUT and "," in self.tokens.raw(self.before):
            return  # a string without its end has swallowed it
        message = f"A comma is missing before {_shown(self.tokens.raw(self.now))}."
        fix = f"Write a comma after {self._said(group.last or self.before)}."
        self.report.add(self.now.span, message, fix, group.last_path)

    def _surplus(self, group: _Group) -> None:
        before = self.before
        where = self._take_run()
        if before.kind != _CUT:  # what follows a string without its end belongs to that
            after = self._said(group.last or before)
            message = f"{_quoted(self.text[slice(*where)])} does not belong after {after}."
            self.report.add(where, message, "Remove it.", group.last_path)

    def _element(self, group: _Group) -> None:
        path = (*group.path, len(group.elements))
        group.full, group.last, group.last_path = True, self.now, path
        group.elements.append(self._value(path))
        self.keys[path] = self.spots[path]

    # Where an object or a list ends

    def _closed(self, group: _Group) -> bool:
        """Takes the closer of the group, or what stands for it; false while the group goes on."""
        right = _CLOSER[self.tokens.all[group.opener].kind]
        if self.now.kind == _END:
            return self._never_closed(group, right)
        if not group.is_object and self.tokens.is_key(self.at):
            return self._key_in_list(group, right)
        if self.now.kind == right:
            self.at += 1
            return self.depth > 1 or not self._closed_early()
        return self.now.kind in _CLOSERS and self._wrong_closer(group, right)

    def _never_closed(self, group: _Group, right: str) -> bool:
        self.sure = False
        if not self.tokens.open_comment and not self.report.fatal:
            message = f"The {group.noun} that begins here is never closed."
            opener = self.tokens.all[group.opener]
            self.report.add(opener.span, message, f"Close it with {right}.", group.path)
        return True

    def _key_in_list(self, group: _Group, right: str) -> bool:
        shown = _shown(self.tokens.raw(self.now))
        if closer := self.tokens.partner.get(group.opener):
            message = f"The list holds the key {shown}, and only objects have keys."
            fix = "Write { and } around the keys."
            self.report.add(self.now.span, message, fix, group.path)
            self.sure = False
            self.at = closer + 1
        else:
            message = f"The list is not closed: a {right} is missing before {shown}."
            self.report.add(self.now.span, message, f"Write {right} before it.", group.path)
            self.at -= self.before.kind == ","  # that comma parts the list from the key
        return True

    def _closed_early(self) -> bool:
        """Whether keys follow the brace that closes the whole, as after one brace too many."""
        key = self.at + (self.now.kind == ",")
        if self.tokens.is_key(key):
            shown = _shown(self.tokens.raw(self.tokens.all[key]))
            message = f"The object is closed before the key {shown}."
            self.report.add(self.before.span, message, "Remove this brace.")
            return True
        return False

    def _wrong_closer(self, group: _Group, right: str) -> bool:
        """Decides by the closers that the rest of the text has for the groups around this one."""
        token = self.now
        rest, needed = self.tokens.closers_from[self.at + 1], self.depth - 1
        if rest < needed:
            message = f"The {group.noun} is not closed: a {right} is missing before {token.kind}."
            self.report.add(token.span, message, f"Write {right} before it.", group.path)
            return True
        if rest > needed:
            return False
        self.at += 1
        message = f"The {group.noun} ends with {token.kind}, where {right} belongs."
        self.report.add(token.span, message, f"Write {right}.", group.path)
        return True

    # Keys

    def _member(self, group: _Group) -> None:
        token = self.now
        if not self._is_name():
            return self._no_key(group)
        key = self._key(group)
        path = (*group.path, self.tokens.raw(token) if key is None else key)
        self.sure = self.sure or self.depth == 1
        if key is None or self._is_second(key, token, path, group):
            self._aside(group, path)
            self.sure = self.sure and key is not None
            return None
        self.keys[path] = group.seen[key]
        value = self._value_of(group, path)
        if self.depth > 1 or self.sure:
            group.members[key] = value
        else:
            self.lost.add(key)
        return None

    def _is_name(self) -> bool:
        """Whether a key stands here: in quotes, with its colon, or a word that could be one."""
        if self.now.kind == _WORD and not self.tokens.is_key(self.at):
            return _is_identifier(self.tokens.raw(self.now)) and not self.tokens.is_key(self.at + 1)
        return self.now.kind in (_STRING, _WORD)

    def _no_key(self, group: _Group) -> None:
        token = self.now
        self.sure = False
        if token.kind == _CUT:
            self._report_cut(token, group.path)
            self.at += 1
            if self.depth == 1:
                self.lost.update(re.findall(r"^\W(\w+)", self.tokens.raw(token)))
        else:
            where = self._take_run()
            message = f"{_quoted(self.text[slice(*where)])} stands where a key is expected."
            self.report.add(where, message, "Remove it, or write a key, a colon and a value.")
        group.full, group.last = not self.tokens.is_key(self.at), token

    def _key(self, group: _Group) -> str | None:
        token, raw = self.now, self.tokens.raw(self.now)
        self.at += 1
        if token.kind == _STRING:
            return self._string(token, (*group.path, raw[1:-1]))
        if not _is_identifier(raw):
            path = (*group.path, raw)
            message = f"The key {_shown(raw)} needs quotes."
            self.report.add(token.span, message, _in_quotes(raw), path)
            return raw
        return _ESCAPE.sub(_unescaped, raw)

    def _is_second(self, key: str, token: _Token, path: KeyPath, group: _Group) -> bool:
        place = self.lines.place(*token.span)
        first = group.seen.setdefault(key, place)
        if first is place:
            return False
        where = f"line {first.line}, column {first.column}"
        message = f'The key "{_shown(key)}" is written twice: first at {where}.'
        others = (KeyPlace(dotted(path), first),)
        fix = "Remove one of the two."
        self.report.add(token.span, message, fix, path, code="S2", places=others)
        return True

    def _aside(self, group: _Group, path: KeyPath) -> None:
        """Reads a value that does not count, for the mistakes in it."""
        keys, spots = self.keys, self.spots
        self.keys, self.spots = {}, {}
        self._value_of(group, path)
        self.keys, self.spots = keys, spots

    def _value_of(self, group: _Group, path: KeyPath) -> Any:
        """The colon and the value after a key."""
        key = self.before
        colon = self._colon(path)
        group.full, group.last, group.last_path = True, self.now, path
        on_new_line = self.at in self.tokens.first_on_line
        no_value = self.tokens.is_key(self.at) and (on_new_line or not colon)
        if self.now.kind not in _STOPS and not no_value:
            return self._value(path)
        self.sure = False
        group.full, group.last = not no_value, None
        if self.at not in self.tokens.after_hash:
            message = f"The key {_shown(self.tokens.raw(key))} has no value."
            self.report.add(key.span, message, "Write a colon and a value after it.", path)
        return None

    def _colon(self, path: KeyPath) -> bool:
        token = self.now
        if token.kind == "=":
            self.report.add(token.span, "An = stands in place of a colon.", "Write a colon.", path)
        elif token.kind not in _STOPS and token.kind != ":" and not self.tokens.is_key(self.at):
            message = f"A colon is missing after the key {_shown(self.tokens.raw(self.before))}."
            self.report.add(token.span, message, "Write a colon after the key.", path)
        self.at += token.kind in ":="
        while token.kind in ":=" and self.now.kind in ":=":
            message = f"There is a {self.now.kind} too many after the {token.kind}."
            self.report.add(self.now.span, message, "Remove it.", path)
            self.at += 1
        return token.kind in ":="

    # Values

    def _value(self, path: KeyPath) -> Any:
        first = self.now
        value = self._group(path) if first.kind in _CLOSER else self._scalar(path)
        self.spots[path] = self.lines.place(first.start, self.before.end)
        return value

    def _scalar(self, path: KeyPath) -> Any:
        token, raw = self.now, self.tokens.raw(self.now)
        if token.kind == _WORD and raw.lower() in _MEANT:
            return self._constant(path)
        if token.kind == _WORD and not _NUMBER.fullmatch(raw) and not _NOT_FINITE.fullmatch(raw):
            return self._unquoted(path)
        if token.kind not in (_STRING, _CUT, _WORD):
            return self._unquoted(path)
        self.at += 1
        value: str | int | float | None = None
        if token.kind == _STRING:
            value = self._string(token, path)
        elif token.kind == _CUT:
            self._report_cut(token, path)
        else:
            value = self._number(token, path)
        self.sure = self.sure and value is not None
        return value

    def _constant(self, path: KeyPath) -> bool | None:
        token, raw = self.now, self.tokens.raw(self.now)
        self.at += 1
        meant = _MEANT[raw.lower()]
        if raw != meant:
            message, fix = f"{raw} is no value of JSON5.", f"Write {meant}, not {raw}."
            self.report.add(token.span, message, fix, path)
        return _CONSTANTS[meant]

    def _number(self, token: _Token, path: KeyPath) -> int | float | None:
        raw = self.tokens.raw(token)
        fix = 'Write a finite number, or null for "not set".'
        message = f"{raw} is not a number that a run can use."
        if not _NOT_FINITE.fullmatch(raw):
            value = _number(raw) if len(raw) <= MAX_NUMBER_LENGTH else math.inf
            if isinstance(value, int) and abs(value) <= MAX_INTEGER:
                return value
            if isinstance(value, float) and math.isfinite(value):
                return value
            message = f"The number {_shown(raw)} is too large."
            fix = f"Write a whole number up to {MAX_INTEGER}, or a float up to 1.7e308."
        self.report.add(token.span, message, fix, path, code="S3")
        return None

    def _string(self, token: _Token, path: KeyPath) -> str | None:
        body = self.tokens.raw(token)[1:-1]
        at = body.find("\\")
        while at >= 0:
            if not (escape := _ESCAPE.match(body, at)):
                self._bad_escape(token.start + 1 + at, path)
                return None
            at = body.find("\\", escape.end())
        text = _ESCAPE.sub(_unescaped, body) if "\\" in body else body
        if not _SURROGATE.search(text):
            return text
        try:  # "\ud83d\ude00" is one character in two halves
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            message = "The string holds half a character (a lone surrogate)."
            self.report.add(token.span, message, "Write the character itself.", path)
            return None

    def _bad_escape(self, at: int, path: KeyPath) -> None:
        message = f"{_shown(self.text[at : at + 2])} begins no escape that JSON5 knows."
        self.report.add((at, at + 2), message, r"Write \\ for a backslash.", path)

    def _report_cut(self, token: _Token, path: KeyPath) -> None:
        raw = self.tokens.raw(token)
        message = f"The string {_shown(raw)} has no closing quote."
        self.report.add(token.span, message, f"Write {raw[0]} at its end.", path)

    def _unquoted(self, path: KeyPath) -> None:
        """A value that is neither in quotes nor anything else of JSON5, to the end of its line."""
        where = self._take_run()
        raw = self.text[slice(*where)]
        self.sure = False
        message, fix = f"The text {_shown(raw)} is not in quotes.", _in_quotes(raw)
        if raw.lower() in _YES_NO:
            message = f"{raw} is no value of JSON5."
            fix = f'Write {_YES_NO[raw.lower()]}, or "{raw}" if the word is meant.'
        elif _number_like(raw):
            message = f"{_shown(raw)} is not a number as JSON5 writes them."
            fix = "Write it as in 12, -0.5 or 1e-4, or put it in quotes."
        elif not any(char.isalnum() for char in raw):
            message, fix = f"{_quoted(raw)} is no value.", "Write a value in its place."
        self.report.add(where, message, fix, path)


def _uncut(text: str) -> str:
    """A string without its end; commas and closers at the end of its line are not part of it."""
    tail = ",; \t" if "[" in text or "{" in text else ",;}] \t"
    return text.rstrip(tail) or text[0]


def _number_like(raw: str) -> bool:
    return bool(re.match(r"[+-]?\s*\.?[0-9]", raw) or _NOT_FINITE.fullmatch(raw))


def _number(raw: str) -> int | float:
    plain = _PLAIN.fullmatch(raw)
    if not plain:
        number: int | float = _by_json5(raw)
        return number
    return float(raw) if plain[1] or plain[2] else int(raw)


def _unescaped(escape: re.Match[str]) -> str:
    letter = escape[1][0]
    if letter == "u":
        return chr(int(escape[1][1:], 16))
    if letter in _MEANINGFUL:
        text: str = _by_json5(f'"{escape[0]}"')
        return text
    return letter


@lru_cache(maxsize=1024)
def _by_json5(text: str) -> Any:
    import json5

    return json5.loads(text)


def _is_identifier(raw: str) -> bool:
    """By ES5, whose identifiers JSON5 takes as keys."""
    if _ASCII_NAME.fullmatch(raw):
        return True
    name = _ESCAPE.sub(_unescaped, raw)
    kinds = ["Lu" if char in "$_" else unicodedata.category(char) for char in name]
    joiners = "\u200c\u200d"
    rest = (k in _NAME_REST or char in joiners for k, char in zip(kinds, name, strict=True))
    return kinds[0] in _NAME_START and all(rest)


def _shown(text: str, most: int = 40) -> str:
    """User text for a message: control characters as escapes, and not more than `most`."""
    if len(text) <= most and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def _quoted(text: str) -> str:
    return _shown(text) if text[:1] in "\"'" else f'"{_shown(text)}"'


def _in_quotes(raw: str) -> str:
    simple = len(raw) <= 40 and raw.isprintable() and not set(raw) & set("\"'\\:")
    return f'Write "{raw}".' if simple else "Put it in quotes."
