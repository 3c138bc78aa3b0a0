"""One word of a shell script, cut into plain text, variables and what only running could tell."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import NoReturn

from vlcli.spec.published import ConvertError, shown

DEEPEST_DEFAULT = 8  # ${a:-${b:-...}} inside each other

_BREAKS = frozenset(" \t\r\n;&|()<>")
_PLAIN = re.compile(r"""[^ \t\r\n;&|()<>\\'"$`]+""")
_PLAIN_IN_QUOTES = re.compile(r'[^"\\$`]+')
_PLAIN_IN_DEFAULT = re.compile(r"""[^\\'"$`]+""")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN_IN_QUOTED_DEFAULT = re.compile(r'[^\\"$`]+')
_BARE_NAME = re.compile(rf"{_NAME}|[0-9@*#?$!-]")
_BRACED_NAME = re.compile(rf"{_NAME}|[0-9]{{1,6}}|[@*#?$!-]")
_BRACED_DEFAULT = re.compile(rf"({_NAME}|[0-9]{{1,6}})(:?[-=])(.*)", re.DOTALL)
_BRACED_SLICE = re.compile(r"([@*]):\s*([0-9]{1,6})(?::([0-9]{1,6}))?")
_ARRAY_START = re.compile(rf"{_NAME}\+?=")
_BRACKETS = re.compile(r"""[\\'"`(){}]|\$[({]""")


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, `${name:-default}` or, for `@` and `*`, the arguments from `first` on."""

    name: str
    quoted: bool
    operator: str = ""
    default: tuple[Part, ...] = ()
    first: int = 1
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """What only a running shell could tell, such as `$(date)`."""

    text: str
    quoted: bool


Part = Text | Variable | Opaque


@dataclass(frozen=True, slots=True)
class Word:
    parts: tuple[Part, ...]
    line: int

    @property
    def literal(self) -> str | None:
        """The text of a word without quotes and variables, which is what a keyword must be."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Text) and not self.parts[0].quoted:
            return self.parts[0].text
        return None


class WordReader:
    """Reads words of `text` from `at` on."""

    def __init__(self, text: str, line: int = 1, depth: int = 0) -> None:
        self.text = text
        self.at = 0
        self._depth = depth
        self._first_line = line
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    def line(self, at: int) -> int:
        return self._first_line + bisect_right(self._line_ends, at - 1)

    def word(self) -> Word:
        line = self.line(self.at)
        parts: list[Part] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if self.text.startswith(("<(", ">("), self.at):
                parts.append(self.opaque(2, ")"))
            elif char == "(" and self._opens_array(parts):
                parts.append(self.opaque(1, ")"))
            elif char in _BREAKS:
                break
            else:
                self._part(parts, _PLAIN)
        return Word(tuple(parts), line)

    @staticmethod
    def _opens_array(parts: list[Part]) -> bool:
        return (
            len(parts) == 1
            and isinstance(parts[0], Text)
            and not parts[0].quoted
            and _ARRAY_START.fullmatch(parts[0].text) is not None
        )

    def default(self, quoted: bool) -> tuple[Part, ...]:
        """The whole text as one value: the `4` of `${1:-4}`."""
        parts: list[Part] = []
        while self.at < len(self.text):
            self._part(parts, _PLAIN_IN_QUOTED_DEFAULT if quoted else _PLAIN_IN_DEFAULT)
        return tuple(parts)

    def _part(self, parts: list[Part], plain: re.Pattern[str]) -> None:
        """Reads one stretch of a word, from `at`, onto `parts`."""
        char = self.text[self.at]
        if match := plain.match(self.text, self.at):
            self.at = match.end()
            parts.append(Text(match.group(), quoted=False))
        elif char == "\\":
            escaped = self.text[self.at + 1 : self.at + 2]
            self.at += 2
            if escaped not in ("", "\n"):
                parts.append(Text(escaped, quoted=True))
        elif char == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                self._never_closed("'", self.at)
            parts.append(Text(self.text[self.at + 1 : end], quoted=True))
            self.at = end + 1
        elif char == '"':
            self._quoted(parts)
        else:
            parts.append(self._dollar(quoted=False))

    def _quoted(self, parts: list[Part]) -> None:
        start = self.at
        self.at += 1
        before = len(parts)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                if len(parts) == before:
                    parts.append(Text("", quoted=True))  # "" is a word
                return
            if match := _PLAIN_IN_QUOTES.match(self.text, self.at):
                self.at = match.end()
                parts.append(Text(match.group(), quoted=True))
            elif char == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                kept = escaped if escaped in '$`"\\' else "\\" + escaped
                parts.append(Text("" if escaped == "\n" else kept, quoted=True))
                self.at += 2
            else:
                parts.append(self._dollar(quoted=True))
        self._never_closed('"', start)

    def _dollar(self, quoted: bool) -> Part:
        """What starts with `$` or a backtick."""
        if self.text[self.at] == "`":
            return self.opaque(1, "`", quoted)
        if self.text.startswith("$(", self.at):
            return self.opaque(2, ")", quoted)
        if not quoted and self.text.startswith("$'", self.at):
            self.at += 1
            held: list[Part] = []
            self._part(held, _PLAIN)
            return Opaque("$'...'", quoted=True)
        if self.text.startswith("${", self.at):
            return self._braced(quoted)
        self.at += 1
        if match := _BARE_NAME.match(self.text, self.at):
            self.at = match.end()
            return Variable(match.group(), quoted)
        if not quoted and self.text.startswith('"', self.at):
            return Text("", quoted=True)  # $"..." is "..." in another language
        return Text("$", quoted=True)

    def _braced(self, quoted: bool) -> Part:
        line = self.line(self.at)
        whole = self.opaque(2, "}", quoted)
        inner = self.text[self.at - len(whole.text) + 2 : self.at - 1]
        if _BRACED_NAME.fullmatch(inner):
            return Variable(inner, quoted)
        if sliced := _BRACED_SLICE.fullmatch(inner):
            name, first, count = sliced.groups()
            return Variable(name, quoted, first=int(first), count=int(count) if count else None)
        found = _BRACED_DEFAULT.fullmatch(inner)
        if found and self._depth < DEEPEST_DEFAULT:
            name, operator, default = found.groups()
            parts = WordReader(default, line, self._depth + 1).default(quoted)
            return Variable(name, quoted, operator, parts)
        return whole

    def opaque(self, skip: int, closers: str, quoted: bool = False) -> Opaque:
        """From `at`, whose opening is `skip` long, to past the last of `closers`."""
        start = self.at
        self.at += skip
        open_now = list(closers)
        while open_now:
            match = _BRACKETS.search(self.text, self.at)
            if not match:
                self._never_closed(self.text[start : start + skip], start)
            self.at = match.end()
            self._bracket(match.group(), open_now, quoted, start)
        return Opaque(self.text[start : self.at], quoted)

    def _bracket(self, found: str, open_now: list[str], quoted: bool, start: int) -> None:
        inside = open_now[-1]
        if found == "\\":
            self.at += 1
        elif found == inside:
            open_now.pop()
        elif inside == "`":
            return
        elif found in ("$(", "${"):
            open_now.append(")" if found == "$(" else "}")
        elif found in ('"', "`"):
            open_now.append(found)
        elif found == "(" and inside == ")":
            open_now.append(")")
        elif found == "'":
            in_text = inside == '"' or (inside == "}" and (quoted or '"' in open_now))
            if not in_text:
                self._pass_single_quotes(start)

    def _pass_single_quotes(self, start: int) -> None:
        end = self.text.find("'", self.at)
        if end < 0:
            self._never_closed("'", start)
        self.at = end + 1

    def _never_closed(self, opener: str, at: int) -> NoReturn:
        raise ConvertError(f"Line {self.line(at)}: {shown(opener)} is opened and never closed.")
