"""The value that the text of a string, a number, a constant or a key stands for.

Conversion is the work of `json5`; only what reads the same in every language (true, 12, 0.5,
"butd") is taken directly, because `json5` needs 25 microseconds for each character.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from vlcli.spec.problem import KeyPath
from vlcli.spec.source.lines import Report, in_quotes, shown
from vlcli.spec.source.tokens import STRING, Token, Tokens

MAX_INTEGER = 2**63 - 1
MAX_NUMBER_LENGTH = 400

CONSTANTS = {"true": True, "false": False, "null": None}

_MEANT = {"none": "null", "nil": "null", "undefined": "null"} | {c: c for c in CONSTANTS}
_NOT_FINITE = {sign + name for sign in ("", "+", "-") for name in ("NaN", "Infinity")}
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MEANINGFUL = "bfnrtvx0\n\r\u2028\u2029"  # any other character after a backslash is itself
_NAME_START = {"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"}
_NAME_REST = _NAME_START | {"Mn", "Mc", "Nd", "Pc"}

# Few specs hold these; `re` compiles them at their first use and keeps them.
_ESCAPE = r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|0(?![0-9])|\r\n|[^ux0-9])"
_NUMBER = (
    r"[+-]?(?:0[xX][0-9a-fA-F]+"
    r"|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
)


class Scalars:
    """Reads single tokens; None, and a problem in the report, for what gives no value."""

    def __init__(self, tokens: Tokens, report: Report) -> None:
        self.tokens, self.report = tokens, report

    def constant(self, token: Token, path: KeyPath) -> bool | None:
        raw = self.tokens.raw(token)
        meant = _MEANT[raw.lower()]
        if raw != meant:
            message, fix = f"{raw} is no value of JSON5.", f"Write {meant}, not {raw}."
            self.report.add(token.span, message, fix, path)
        return CONSTANTS[meant]

    def number(self, token: Token, path: KeyPath) -> int | float | None:
        raw = self.tokens.raw(token)
        fix = 'Write a finite number, or null for "not set".'
        message = f"{raw} is not a number that a run can use."
        if raw not in _NOT_FINITE:
            value = _number(raw) if len(raw) <= MAX_NUMBER_LENGTH else float("inf")
            if abs(value) <= MAX_INTEGER if isinstance(value, int) else abs(value) < float("inf"):
                return value
            message = f"The number {shown(raw)} is too large."
            fix = f"Write a whole number up to {MAX_INTEGER}, or a float up to 1.7e308."
        self.report.add(token.span, message, fix, path, code="S3")
        return None

    def string(self, token: Token, path: KeyPath) -> str | None:
        body = self.tokens.raw(token)[1:-1]
        if "\\" in body:
            escapes = re.finditer(rf"{_ESCAPE}|\\", body)
            bad = next((escape.start() for escape in escapes if escape[1] is None), None)
            if bad is not None:
                self._bad_escape(token.start + 1 + bad, path)
                return None
            body = _without_escapes(body)
        if body.isascii():
            return body
        try:  # "\ud83d\ude00" is one character in two halves
            return body.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            message = "The string holds half a character (a lone surrogate)."
            self.report.add(token.span, message, "Write the character itself.", path)
            return None

    def _bad_escape(self, at: int, path: KeyPath) -> None:
        message = f"{shown(self.tokens.text[at : at + 2])} begins no escape that JSON5 knows."
        self.report.add((at, at + 2), message, r"Write \\ for a backslash.", path)

    def key(self, token: Token, above: KeyPath) -> str | None:
        """The key that stands below the path `above`."""
        raw = self.tokens.raw(token)
        if token.kind == STRING:
            return self.string(token, (*above, raw[1:-1]))
        if is_identifier(raw):
            return _without_escapes(raw)
        message = f"The key {shown(raw)} needs quotes."
        self.report.add(token.span, message, in_quotes(raw), (*above, raw))
        return raw


def is_constant(raw: str) -> bool:
    """Whether a word is true, false or null, as JSON5 or another language writes them."""
    return raw.lower() in _MEANT


def is_finite_number(raw: str) -> bool:
    return bool(_PLAIN.fullmatch(raw) or re.fullmatch(_NUMBER, raw))


def is_number(raw: str) -> bool:
    return is_finite_number(raw) or raw in _NOT_FINITE


def is_like_number(raw: str) -> bool:
    """Whether a text begins as a number does, whatever follows."""
    return bool(re.match(r"[+-]?\s*\.?[0-9]", raw) or raw in _NOT_FINITE)


def is_identifier(raw: str) -> bool:
    """By ES5, whose identifiers JSON5 takes as keys."""
    if raw.isascii() and raw.replace("$", "_").isidentifier():
        return True
    from unicodedata import category

    name = _without_escapes(raw)
    kinds = ["Lu" if char in "$_" else category(char) for char in name]
    joiners = "\u200c\u200d"
    rest = (k in _NAME_REST or char in joiners for k, char in zip(kinds, name, strict=True))
    return kinds[0] in _NAME_START and all(rest)


def _number(raw: str) -> int | float:
    plain = _PLAIN.fullmatch(raw)
    if not plain:
        number: int | float = _by_json5(raw)
        return number
    return float(raw) if plain[1] or plain[2] else int(raw)


def _without_escapes(text: str) -> str:
    return re.sub(_ESCAPE, _unescaped, text) if "\\" in text else text


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
