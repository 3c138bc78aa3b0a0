"""What to say about tokens that stand where they should not, and where to read on after them."""

from __future__ import annotations

from vlcli.spec.problem import KeyPath
from vlcli.spec.source.lines import Report, in_quotes, quoted, shown
from vlcli.spec.source.scalars import CONSTANTS, is_finite_number, is_like_number
from vlcli.spec.source.tokens import CLOSER, CUT, END, MAX_DEPTH, STOPS, STRING, WORD, Token, Tokens

_YES_NO = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Open:
    """What a mistake within an object or a list is told by, while that is read."""

    def __init__(self, opener: Token, index: int, path: KeyPath) -> None:
        self.opener, self.index, self.path = opener, index, path
        self.is_object = opener.kind == "{"
        self.noun = "object" if self.is_object else "list"
        self.closer = CLOSER[opener.kind]
        self.full = False  # an item waits for its comma
        self.last: Token | None = None  # where the last value begins
        self.last_path: KeyPath = ()


class Recovery:
    """Tells of the mistake at the cursor and moves the cursor past it."""

    def __init__(self, tokens: Tokens, report: Report) -> None:
        self.tokens, self.report = tokens, report

    # The whole text

    def too_deep(self, token: Token) -> None:
        message = f"Objects and lists stand more than {MAX_DEPTH} deep in one another."
        self._refuse(token, "S5", message, "Write fewer levels.")

    def empty(self, token: Token) -> None:
        if not self.report.problems:
            fix = "Write an object: { and }, with keys between them."
            self._refuse(token, "S6", "The file is empty.", fix)

    def no_object(self, first: Token, bare_keys: bool) -> None:
        found = "keys without braces" if bare_keys else self._found(first)
        message = f"The file holds {found}, where a run spec is one object."
        self._refuse(first, "S7", message, "Begin the file with { and end it with }.")

    def _refuse(self, token: Token, code: str, message: str, fix: str) -> None:
        """Ends the reading of a text that gives no values."""
        self.report.refuse(token.span if token.kind != END else None, code, message, fix)
        self.tokens.at = len(self.tokens.all) - 1

    def preamble(self) -> None:
        """What stands before the opening brace, as in `config = {`."""
        tokens = self.tokens
        if tokens.now.kind == END or self._begins_value() or tokens.all[1].kind == ":":
            return
        kinds = [token.kind for token in tokens.all]
        if "{" in kinds:
            brace = kinds.index("{")
            where = tokens.now.start, tokens.all[brace - 1].end
            message = f"{self._quoted(*where)} stands before the opening brace."
            self.report.add(where, message, "Remove it.")
            tokens.at = brace

    def trailer(self) -> None:
        where = self.tokens.now.start, self.tokens.all[-2].end
        message = f"{self._quoted(*where)} follows the end of the object."
        self.report.add(where, message, "Remove it.")

    # Between two items

    def closes_nothing(self, group: Open) -> None:
        token = self.tokens.step()
        message = f"The {token.kind} closes nothing."
        self.report.add(token.span, message, "Remove it.", group.last_path)

    def semicolon(self, group: Open) -> None:
        message = "A semicolon stands in place of a comma."
        self.report.add(self.tokens.now.span, message, "Write a comma.", group.last_path)

    def surplus_comma(self, group: Open) -> None:
        first = self.tokens.now
        while self.tokens.now.kind in ",;":
            self.tokens.step()
        name = "comma" if first.kind == "," else "semicolon"
        expected = "key" if group.is_object else "value"
        message = f"A {name} stands where a {expected} is expected."
        if group.last:
            message = f"There is a {name} too many after {self._said(group.last)}."
        where = first.start, self.tokens.before.end
        self.report.add(where, message, f"Remove the {name}.", group.last_path or group.path)

    def no_comma(self, group: Open) -> bool:
        """Whether the next item begins here, without its comma; else what stands here is taken."""
        tokens = self.tokens
        begins = tokens.is_key(tokens.at) if group.is_object else self._begins_value()
        if begins:
            self._missing_comma(group)
        else:
            self._surplus(group)
        return begins

    def _missing_comma(self, group: Open) -> None:
        now, before = self.tokens.now, self.tokens.before
        if before.kind == CUT and "," in self.tokens.raw(before):
            return  # a string without its end has swallowed it
        message = f"A comma is missing before {shown(self.tokens.raw(now))}."
        fix = f"Write a comma after {self._said(group.last or before)}."
        self.report.add(now.span, message, fix, group.last_path)

    def _surplus(self, group: Open) -> None:
        before, where = self.tokens.before, self.tokens.take_run()
        if before.kind != CUT:  # what follows a string without its end belongs to that
            after = self._said(group.last or before)
            message = f"{self._quoted(*where)} does not belong after {after}."
            self.report.add(where, message, "Remove it.", group.last_path)

    # Where an object or a list ends

    def parentheses(self, group: Open) -> None:
        message = "A list stands between [ and ], not between ( and )."
        self.report.add(group.opener.span, message, "Write [ and ].", group.path)

    def never_closed(self, group: Open) -> None:
        if not self.tokens.open_comment and not self.report.fatal:
            message = f"The {group.noun} that begins here is never closed."
            fix = f"Close it with {group.closer}."
            self.report.add(group.opener.span, message, fix, group.path)

    def key_in_list(self, group: Open) -> bool:
        """Ends the list at the key; whether the list is what the text says."""
        tokens = self.tokens
        key = tokens.now
        name = shown(tokens.raw(key))
        if closer := tokens.partner.get(group.index):
            message = f"The list holds the key {name}, and only objects have keys."
            self.report.add(key.span, message, "Write { and } around the keys.", group.path)
            tokens.at = closer + 1
            return False
        message = f"The list is not closed: a {group.closer} is missing before {name}."
        self.report.add(key.span, message, f"Write {group.closer} before it.", group.path)
        tokens.at -= tokens.before.kind == ","  # that comma parts the list from the key
        return True

    def closed_early(self) -> bool:
        """Whether keys follow the brace that closes the whole, as after one brace too many."""
        key = self.tokens.at + (self.tokens.now.kind == ",")
        if not self.tokens.is_key(key):
            return False
        name = shown(self.tokens.raw(self.tokens.all[key]))
        message = f"The object is closed before the key {name}."
        self.report.add(self.tokens.before.span, message, "Remove this brace.")
        return True

    def wrong_closer(self, group: Open, around: int) -> bool:
        """Whether the group ends here, by the closers left for the groups `around` it."""
        token = self.tokens.now
        rest = self.tokens.closers_from[self.tokens.at + 1]
        if rest > around:
            return False
        noun, closer = group.noun, group.closer
        message = f"The {noun} is not closed: a {closer} is missing before {token.kind}."
        fix = f"Write {closer} before it."
        if rest == around:
            self.tokens.step()
            message = f"The {noun} ends with {token.kind}, where {closer} belongs."
            fix = f"Write {closer}."
        self.report.add(token.span, message, fix, group.path)
        return True

    # Keys

    def no_key(self, path: KeyPath) -> None:
        if self.tokens.now.kind == CUT:
            return self.cut(self.tokens.step(), path)
        where = self.tokens.take_run()
        message = f"{self._quoted(*where)} stands where a key is expected."
        self.report.add(where, message, "Remove it, or write a key, a colon and a value.")
        return None

    def colon(self, path: KeyPath) -> bool:
        """Whether a colon, or what is meant for one, stands after the key and is taken."""
        tokens = self.tokens
        token = tokens.now
        if token.kind == "=":
            self.report.add(token.span, "An = stands in place of a colon.", "Write a colon.", path)
        elif token.kind not in STOPS and token.kind != ":" and not tokens.is_key(tokens.at):
            message = f"A colon is missing after the key {shown(tokens.raw(tokens.before))}."
            self.report.add(token.span, message, "Write a colon after the key.", path)
        if token.kind not in ":=":
            return False
        tokens.step()
        while tokens.now.kind in ":=":
            message = f"There is a {tokens.now.kind} too many after the {token.kind}."
            self.report.add(tokens.step().span, message, "Remove it.", path)
        return True

    def no_value(self, key: Token, path: KeyPath) -> None:
        if self.tokens.at not in self.tokens.after_hash:
            message = f"The key {shown(self.tokens.raw(key))} has no value."
            self.report.add(key.span, message, "Write a colon and a value after it.", path)

    # Values

    def cut(self, token: Token, path: KeyPath) -> None:
        raw = self.tokens.raw(token)
        message = f"The string {shown(raw)} has no closing quote."
        self.report.add(token.span, message, f"Write {raw[0]} at its end.", path)

    def unquoted(self, path: KeyPath) -> None:
        """A value that is neither in quotes nor anything else of JSON5, to the end of its line."""
        where = self.tokens.take_run()
        raw = self.tokens.text[slice(*where)]
        message, fix = f"The text {shown(raw)} is not in quotes.", in_quotes(raw)
        if raw.lower() in _YES_NO:
            message = f"{raw} is no value of JSON5."
            fix = f'Write {_YES_NO[raw.lower()]}, or "{raw}" if the word is meant.'
        elif is_like_number(raw):
            message = f"{shown(raw)} is not a number as JSON5 writes them."
            fix = "Write it as in 12, -0.5 or 1e-4, or put it in quotes."
        elif not any(char.isalnum() for char in raw):
            message, fix = f"{quoted(raw)} is no value.", "Write a value in its place."
        self.report.add(where, message, fix, path)

    # Words of the messages

    def _begins_value(self) -> bool:
        """Whether a value that needs no quotes stands at the cursor."""
        token, raw = self.tokens.now, self.tokens.raw(self.tokens.now)
        if token.kind == WORD:
            return raw in CONSTANTS or is_like_number(raw)
        return token.kind in (STRING, CUT, *CLOSER)

    def _quoted(self, start: int, end: int) -> str:
        return quoted(self.tokens.text[start:end])

    def _said(self, token: Token) -> str:
        nouns = {"{": "the object", "[": "the list", "(": "the list"}
        return nouns.get(token.kind) or f"the value {shown(self.tokens.raw(token))}"

    def _found(self, token: Token) -> str:
        raw = self.tokens.raw(token)
        if token.kind in "[(":
            return "a list"
        if token.kind in (STRING, CUT):
            return f"the string {shown(raw)}"
        if is_finite_number(raw):
            return f"the number {shown(raw)}"
        return f"the value {raw}" if raw in CONSTANTS else f"the text {quoted(raw)}"
