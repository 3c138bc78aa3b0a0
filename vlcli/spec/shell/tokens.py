"""Cuts the text of a shell script into words and operators; nothing is run or looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vlcli.spec.published import ConvertError
from vlcli.spec.shell.parts import Text, Word, WordReader

LONGEST_SCRIPT = 64 * 1024

_BLANK = " \t\r"
_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|\|&|[;&|()]")
_REDIRECTION = re.compile(r"&>>|&>|<<<|<<-|<<|>>|>&|<&|<>|>\||[<>]")


@dataclass(frozen=True, slots=True)
class Operator:
    """`;`, `&&`, a line's end and the like; `<<` says that a here-document was passed over."""

    text: str
    line: int


def cut(text: str) -> list[Word | Operator]:
    """The script's words and operators; comments, redirections and here-documents are gone."""
    if len(text) > LONGEST_SCRIPT:
        raise ConvertError(
            f"The script has {len(text)} characters; at most {LONGEST_SCRIPT} are read."
        )
    return _Cutter(text.removeprefix("\ufeff").replace("\r\n", "\n")).tokens()


class _Cutter(WordReader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._awaited: list[tuple[str, bool]] = []  # here-documents: last line, tabs stripped

    def tokens(self) -> list[Word | Operator]:
        found: list[Word | Operator] = []
        while self.at < len(self.text):
            char, line = self.text[self.at], self.line(self.at)
            if char in _BLANK:
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            elif char == "\n":
                self.at += 1
                self._pass_documents()
                found.append(Operator("\n", line))
            elif redirection := self._redirection():
                if redirection.startswith("<<") and redirection != "<<<":
                    found.append(Operator("<<", line))
            elif self.text.startswith("((", self.at):
                found.append(Word((self.opaque(2, "))"),), line))
            elif operator := _OPERATOR.match(self.text, self.at):
                self.at = operator.end()
                found.append(Operator(operator.group(), line))
            else:
                word = self.word()
                if word.parts and not self._is_stream(word):
                    found.append(word)
        return found

    def _is_stream(self, word: Word) -> bool:
        """Whether it is the 2 of `2>log`."""
        return (word.literal or "").isdecimal() and self.text.startswith(("<", ">"), self.at)

    def _redirection(self) -> str | None:
        match = _REDIRECTION.match(self.text, self.at)
        if not match or self.text.startswith(("<(", ">("), self.at):
            return None
        self.at = match.end()
        while self.at < len(self.text) and self.text[self.at] in _BLANK:
            self.at += 1
        word = self.word()
        if match.group() in ("<<", "<<-"):
            last = "".join(part.text for part in word.parts if isinstance(part, Text))
            self._awaited.append((last, match.group() == "<<-"))
        return match.group()

    def _pass_documents(self) -> None:
        for last, tabs in self._awaited:
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = end if end >= 0 else len(self.text)
                line = self.text[self.at : end]
                self.at = end + 1
                if (line.lstrip("\t") if tabs else line) == last:
                    break
        self._awaited.clear()
