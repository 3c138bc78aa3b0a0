"""The tokens of a text, what can be known of them without the grammar, and a cursor over them."""

from __future__ import annotations

import re
from typing import NamedTuple

from vlcli.spec.source.lines import Lines, Report, Span

MAX_DEPTH = 64

CLOSER = {"{": "}", "[": "]", "(": ")"}
CLOSERS = set(CLOSER.values())
STRING, CUT, WORD, STRAY, END = "string", "cut", "word", "stray", "end"
STOPS = {",", ";", *CLOSERS, END}

_MARKS = {*CLOSER, *CLOSERS, ",", ":", ";", "="}
_NOT_JSON5_SPACE = r"\x1c-\x1f\x85"  # in Python's \s; \ufeff is a space in JSON5 alone
_TOKEN = re.compile(
    rf"(?P<space>(?:[ \t\r\n]+|\ufeff|(?![{_NOT_JSON5_SPACE}])\s)+)"
    r"""|(?P<cut>"(?:[^"\\\r\n]+|\\(?s:\r\n|.|\Z))*+|'(?:[^'\\\r\n]+|\\(?s:\r\n|.|\Z))*+)"""
    r"""(?P<string>["'])?"""
    r"|(?P<word>(?:\\u[0-9a-fA-F]{4}"
    rf"|(?!\ufeff)[^\s,:;=\[\](){{}}\"'/\\#]|[{_NOT_JSON5_SPACE}])+)"
    r"|(?P<line>//|#)"
    r"|(?P<block>/\*)"
    r"|(?P<stray>(?:\\|/(?![/*]))+)"
)


class Token(NamedTuple):
    """`kind` is the character itself for , : ; = and brackets, or one of the words above."""

    kind: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        return self.start, self.end


class Tokens:
    """All tokens of a text, the last of kind `END`, and `at`, the one that is read now."""

    def __init__(self, lines: Lines, report: Report) -> None:
        self.text, self.lines, self.report = lines.text, lines, report
        self.at = 0
        self.open_comment = False
        self.after_hash: set[int] = set()  # tokens that a # comment precedes
        self.all: list[Token] = []
        self.too_deep: Token | None = None  # the first opener beyond the limit
        self._scan()
        self.partner, self.closers_from = self._brackets()

    def _scan(self) -> None:
        text = self.text
        at = depth = 0
        while at < len(text) and not self.too_deep:
            if (char := text[at]) in _MARKS:
                self.all.append(Token(char, at, at + 1))
                at += 1
                if char in CLOSER:
                    depth += 1
                    self.too_deep = self.all[-1] if depth > MAX_DEPTH else None
                elif char in CLOSERS:
                    depth = max(0, depth - 1)
            elif match := _TOKEN.match(text, at):
                at = self._take(match.lastgroup or STRAY, *match.span())
        self.all.append(Token(END, at, at))

    def _take(self, kind: str, start: int, end: int) -> int:
        """Keeps the token, or steps over the space or comment; the position after it."""
        if kind == "space":
            return end
        if kind == "line":
            return self._line_comment(start)
        if kind == "block":
            return self._block_comment(start)
        if kind == CUT:
            end = start + len(_uncut(self.text[start:end]))
        self.all.append(Token(kind, start, end))
        return end

    def _line_comment(self, start: int) -> int:
        end = self.lines.end_from(start)
        if self.text[start] == "#":
            fix = "Begin the comment with //."
            self.report.add((start, end), "A # begins no comment in JSON5.", fix)
            self.after_hash.add(len(self.all))
        return end

    def _block_comment(self, start: int) -> int:
        close = self.text.find("*/", start + 2)
        if close >= 0:
            return close + 2
        message = "The comment that begins here is never closed."
        self.report.add((start, len(self.text)), message, "Close it with */.")
        self.open_comment = True
        return len(self.text)

    def _brackets(self) -> tuple[dict[int, int], list[int]]:
        """The closer of each opener, and from each token on: the closers less the openers."""
        partner: dict[int, int] = {}
        waiting: list[int] = []
        opened = [0]
        for index, token in enumerate(self.all):
            opened.append(opened[-1])
            if token.kind in CLOSER:
                waiting.append(index)
                opened[-1] += 1
            elif token.kind in CLOSERS:
                opened[-1] -= 1
                if waiting and CLOSER[self.all[opener := waiting.pop()].kind] == token.kind:
                    partner[opener] = index
        return partner, [before - opened[-1] for before in opened]

    # The cursor

    @property
    def now(self) -> Token:
        return self.all[self.at]

    @property
    def before(self) -> Token:
        return self.all[self.at - 1]

    def step(self) -> Token:
        """Takes one token."""
        self.at += 1
        return self.all[self.at - 1]

    def take_run(self) -> Span:
        """Takes the tokens that belong together, and tells where they stand."""
        first = self.now
        self.at = self._run_from(self.at)
        return first.start, self.before.end

    def _run_from(self, at: int) -> int:
        """The token after those that belong together: to a comma, a closer, a key, the line end."""
        while True:
            at = self.partner.get(at, at) + 1
            if self.all[at].kind in STOPS or self.is_key(at) or self.begins_line(at):
                return at

    # What is known of a token

    def raw(self, token: Token) -> str:
        return self.text[token.start : token.end]

    def is_key(self, at: int) -> bool:
        """Whether token `at` is a key with its colon."""
        return self.all[at].kind in (STRING, WORD) and self.all[at + 1].kind in ":="

    def begins_line(self, at: int) -> bool:
        number = self.lines.number
        return at == 0 or number(self.all[at - 1].end) < number(self.all[at].start)


def _uncut(text: str) -> str:
    """A string without its end; commas and closers at the end of its line are not part of it."""
    tail = ",; \t" if "[" in text or "{" in text else ",;}] \t"
    return text.rstrip(tail) or text[0]
