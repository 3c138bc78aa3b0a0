"""From tokens to values and the place of every key, in one walk that no mistake ends."""

from __future__ import annotations

import re
from typing import Any

from vlcli.spec.problem import KeyPath, KeyPlace, Place, dotted
from vlcli.spec.source.lines import Lines, Report, shown
from vlcli.spec.source.recovery import Open, Recovery
from vlcli.spec.source.scalars import Scalars, is_constant, is_identifier, is_number
from vlcli.spec.source.tokens import (
    CLOSER,
    CLOSERS,
    CUT,
    END,
    MAX_DEPTH,
    STOPS,
    STRING,
    WORD,
    Token,
    Tokens,
)


class Group(Open):
    """An object or a list while it is read."""

    def __init__(self, opener: Token, index: int, path: KeyPath) -> None:
        super().__init__(opener, index, path)
        self.members: dict[str, Any] = {}
        self.elements: list[Any] = []
        self.seen: dict[str, Place] = {}


class Reader:
    """Knows what may follow what; where something else does, `Recovery` tells and steps over it."""

    def __init__(self, text: str) -> None:
        self.lines = Lines(text)
        self.report = Report(self.lines)
        self.tokens = Tokens(self.lines, self.report)
        self.scalars = Scalars(self.tokens, self.report)
        self.recovery = Recovery(self.tokens, self.report)
        self.keys: dict[KeyPath, Place] = {}
        self.spots: dict[KeyPath, Place] = {}
        self.lost: set[str] = set()
        self.depth = 0
        self.sure = True  # that the value of the present top-level key is what the text says

    def read(self) -> dict[str, Any]:
        tokens = self.tokens
        if tokens.too_deep:
            self.recovery.too_deep(tokens.too_deep)
            return {}
        self.recovery.preamble()
        first, bare_keys = tokens.now, tokens.is_key(tokens.at)
        if first.kind == END:
            self.recovery.empty(first)
            return {}
        value = self._value(())
        del self.spots[()]
        if first.kind != "{":
            self.recovery.no_object(first, bare_keys)
        elif tokens.now.kind != END:
            self.recovery.trailer()
        return value if isinstance(value, dict) else {}

    # Objects and lists

    def _group(self, path: KeyPath) -> dict[str, Any] | list[Any]:
        if self.depth == MAX_DEPTH:
            self.recovery.too_deep(self.tokens.now)
            return {}
        group = Group(self.tokens.now, self.tokens.at, path)
        if group.opener.kind == "(":
            self.recovery.parentheses(group)
        self.depth += 1
        self.tokens.step()
        while not self._closed(group):
            self._next(group)
        self.depth -= 1
        return group.members if group.is_object else group.elements

    def _closed(self, group: Group) -> bool:
        """Takes the closer of the group, or what stands for it; false while the group goes on."""
        kind = self.tokens.now.kind
        if kind == END:
            self.sure = False
            self.recovery.never_closed(group)
            return True
        if not group.is_object and self.tokens.is_key(self.tokens.at):
            self.sure = self.recovery.key_in_list(group) and self.sure
            return True
        if kind == group.closer:
            self.tokens.step()
            return self.depth > 1 or not self.recovery.closed_early()
        return kind in CLOSERS and self.recovery.wrong_closer(group, self.depth - 1)

    def _next(self, group: Group) -> None:
        kind = self.tokens.now.kind
        if kind in CLOSERS:
            self.recovery.closes_nothing(group)
        elif kind in ",;":
            self._comma(group)
        elif not group.full or self.recovery.no_comma(group):
            self._item(group)

    def _comma(self, group: Group) -> None:
        if not group.full:
            return self.recovery.surplus_comma(group)
        if self.tokens.now.kind == ";":
            self.recovery.semicolon(group)
        group.full = False
        self.tokens.step()
        return None

    def _item(self, group: Group) -> None:
        if not group.is_object:
            self._element(group)
        elif self._is_name():
            self._member(group)
        else:
            self._no_key(group)

    def _element(self, group: Group) -> None:
        path = (*group.path, len(group.elements))
        group.full, group.last, group.last_path = True, self.tokens.now, path
        group.elements.append(self._value(path))
        self.keys[path] = self.spots[path]

    # Keys

    def _is_name(self) -> bool:
        """Whether a key stands here: in quotes, with its colon, or a word that could be one."""
        tokens = self.tokens
        if tokens.now.kind == WORD and not tokens.is_key(tokens.at):
            return is_identifier(tokens.raw(tokens.now)) and not tokens.is_key(tokens.at + 1)
        return tokens.now.kind in (STRING, WORD)

    def _no_key(self, group: Group) -> None:
        token = self.tokens.now
        self.sure = False
        self.recovery.no_key(group.path)
        if token.kind == CUT and self.depth == 1:
            self.lost.update(re.findall(r"^\W(\w+)", self.tokens.raw(token)))
        group.full, group.last = not self.tokens.is_key(self.tokens.at), token

    def _member(self, group: Group) -> None:
        token = self.tokens.step()
        key = self.scalars.key(token, group.path)
        path = (*group.path, self.tokens.raw(token) if key is None else key)
        self.sure = self.sure or self.depth == 1
        if key is None or self._is_second(key, token, path, group):
            self._aside(group, path)
            self.sure = self.sure and key is not None
            return
        self.keys[path] = group.seen[key]
        value = self._value_of(group, path)
        if self.depth > 1 or self.sure:
            group.members[key] = value
        else:
            self.lost.add(key)

    def _is_second(self, key: str, token: Token, path: KeyPath, group: Group) -> bool:
        place = self.lines.place(*token.span)
        first = group.seen.setdefault(key, place)
        if first is place:
            return False
        where = f"line {first.line}, column {first.column}"
        message = f'The key "{shown(key)}" is written twice: first at {where}.'
        others = (KeyPlace(dotted(path), first),)
        fix = "Remove one of the two."
        self.report.add(token.span, message, fix, path, code="S2", places=others)
        return True

    def _aside(self, group: Group, path: KeyPath) -> None:
        """Reads a value that does not count, for the mistakes in it."""
        keys, spots = self.keys, self.spots
        self.keys, self.spots = {}, {}
        self._value_of(group, path)
        self.keys, self.spots = keys, spots

    def _value_of(self, group: Group, path: KeyPath) -> Any:
        """The colon and the value after a key."""
        tokens, key = self.tokens, self.tokens.before
        colon = self.recovery.colon(path)
        group.full, group.last, group.last_path = True, tokens.now, path
        no_value = tokens.is_key(tokens.at) and (not colon or tokens.begins_line(tokens.at))
        if tokens.now.kind not in STOPS and not no_value:
            return self._value(path)
        self.sure = False
        group.full, group.last = not no_value, None
        self.recovery.no_value(key, path)
        return None

    # Values

    def _value(self, path: KeyPath) -> Any:
        first = self.tokens.now
        value = self._group(path) if first.kind in CLOSER else self._scalar(path)
        self.spots[path] = self.lines.place(first.start, self.tokens.before.end)
        return value

    def _scalar(self, path: KeyPath) -> str | int | float | None:
        token, raw = self.tokens.now, self.tokens.raw(self.tokens.now)
        if token.kind == WORD and is_constant(raw):
            return self.scalars.constant(self.tokens.step(), path)
        value: str | int | float | None = None
        if token.kind == STRING:
            value = self.scalars.string(self.tokens.step(), path)
        elif token.kind == CUT:
            self.recovery.cut(self.tokens.step(), path)
        elif token.kind == WORD and is_number(raw):
            value = self.scalars.number(self.tokens.step(), path)
        else:
            self.recovery.unquoted(path)
        self.sure = self.sure and value is not None
        return value
