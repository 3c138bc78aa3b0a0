"""What the variables and arguments of a shell script are worth, as far as reading can tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlcli.spec.published import ConvertError, shown
from vlcli.spec.shell.parts import Opaque, Part, Text, Variable, Word

LONGEST_VALUE = 64 * 1024
LONGEST_TOTAL = 512 * 1024  # of all values put in, over the whole script
MOST_WORDS = 4096

_BLANKS = re.compile(r"[ \t\n]+")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")


@dataclass(frozen=True, slots=True)
class Value:
    """Text, and what it lacks: `missing` is a name without a value, which a shell reads as "";
    `unknown` says what only a running shell could tell."""

    text: str = ""
    missing: str = ""
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One word as a command receives it. `quoted` keeps an empty one; `pattern` may match files."""

    text: str
    line: int = 0
    missing: str = ""
    unknown: str = ""
    quoted: bool = False
    pattern: bool = False

    @property
    def whole(self) -> bool:
        return not self.missing and not self.unknown

    @property
    def handed_over(self) -> bool:
        """False for an unquoted variable without a value, which a shell drops."""
        return bool(self.text or self.unknown or self.quoted)


def assignment(word: Word) -> tuple[str, bool, tuple[Part, ...]] | None:
    """Name, whether it appends, and the value's parts, of a word like `name=value`."""
    first = word.parts[0]
    if not isinstance(first, Text) or first.quoted:
        return None
    match = _ASSIGNMENT.match(first.text)
    if not match:
        return None
    rest = Text(first.text[match.end() :], quoted=False)
    return match.group(1), match.group(2) == "+", (rest, *word.parts[1:])


class Variables:
    """The variables and the arguments that a script sees at one point."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = list(arguments)
        self.named: dict[str, Value] = {}
        self._spent = 0

    def assign(self, word: Word) -> bool:
        """Carries out `name=value`; False for a word that is something else."""
        found = assignment(word)
        if found is None:
            return False
        name, appends, parts = found
        value = self.value(parts)
        if appends:
            value = _joined([self.named.get(name, Value()), value])
        if len(value.text) > LONGEST_VALUE:
            raise ConvertError(
                f"Line {word.line}: the value of `{shown(name)}` grows past {LONGEST_VALUE} "
                "characters."
            )
        self.named[name] = value
        return True

    def forget(self, names: Iterable[str], why: str) -> None:
        for name in names:
            self.named[name] = Value(unknown=f"${shown(name)}, which {why}")

    def saved(self) -> tuple[list[str], dict[str, Value]]:
        """Arguments and variables as they are now, for a subshell to go back to."""
        self._spend(len(self.named) + len(self.arguments))
        return list(self.arguments), dict(self.named)

    def restore(self, saved: tuple[list[str], dict[str, Value]]) -> None:
        self.arguments, self.named = saved

    def value(self, parts: Iterable[Part]) -> Value:
        """The parts as one text, not split at blanks."""
        return _joined([self._part(part) for part in parts])

    def joined(self, word: Word) -> Field:
        """The word as `[[` sees it."""
        value = self.value(word.parts)
        return Field(
            value.text, word.line, value.missing, value.unknown, True, _is_pattern(word.parts)
        )

    def fields(self, words: Iterable[Word]) -> list[Field]:
        """The words as a command receives them: variables put in, unquoted values split."""
        found: list[Field] = []
        for word in words:
            found.extend(self._split(word))
            if len(found) > MOST_WORDS:
                raise ConvertError(f"Line {word.line}: a command of over {MOST_WORDS} words.")
        return found

    def _split(self, word: Word) -> list[Field]:
        split = _Split(word)
        self._put(word.parts, split)
        return split.done()

    def _put(self, parts: Iterable[Part], split: _Split) -> None:
        for part in parts:
            if isinstance(part, Variable) and part.name in "@*":
                split.add_many(self._many(part), part.quoted)
            elif part.quoted:
                split.add(self._part(part), quoted=True)
            elif isinstance(part, Variable) and part.operator[-1:] == "-" and self._lacks(part):
                self._put(part.default, split)
            else:
                split.add_split(self._part(part))

    def _many(self, part: Variable) -> list[str]:
        """`$@` and `${@:first:count}`."""
        last = None if part.count is None else part.first - 1 + part.count
        chosen = self.arguments[max(part.first - 1, 0) : last]
        if part.name == "*" and part.quoted:
            chosen = [" ".join(chosen)]
        self._spend(sum(len(argument) + 1 for argument in chosen))
        return chosen

    def _part(self, part: Part) -> Value:
        if isinstance(part, Text):
            return Value(part.text)
        if isinstance(part, Opaque):
            return Value(unknown=f"{shown(part.text, 40)}, which only running the script can tell")
        if part.operator and self._lacks(part):
            value = self.value(part.default)
            if part.operator.endswith("=") and not part.name.isdecimal():
                self.named[part.name] = value
        else:
            value = self._lookup(part)
        self._spend(len(value.text) + 1)
        return value

    def _lookup(self, part: Variable) -> Value:
        name = part.name
        if name in "@*":
            return Value(" ".join(self._many(part)))
        if name == "#":
            return Value(str(len(self.arguments)))
        if name in "?$!-" or int_of(name) == 0:
            return Value(unknown=f"${name}, which only running the script can tell")
        place = int_of(name)
        if place is None:
            return self.named.get(name, Value(missing=f"${shown(name)}"))
        if place > len(self.arguments):
            return Value(missing=f"${place}")
        return Value(self.arguments[place - 1])

    def _lacks(self, part: Variable) -> bool:
        """Whether the default counts: `:-` and `:=` are for empty values, too."""
        value, place = self._lookup(part), int_of(part.name)
        if part.operator.startswith(":"):
            return not value.text and not value.unknown
        return part.name not in self.named if place is None else place > len(self.arguments)

    def _spend(self, characters: int) -> None:
        self._spent += characters
        if self._spent > LONGEST_TOTAL:
            raise ConvertError(
                f"The script's variables come to more than {LONGEST_TOTAL} characters."
            )


def int_of(text: str) -> int | None:
    """A whole number of a length that a script would hold."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None


def _joined(values: Sequence[Value]) -> Value:
    return Value(
        "".join(value.text for value in values),
        next((value.missing for value in values if value.missing), ""),
        next((value.unknown for value in values if value.unknown), ""),
    )


def _is_pattern(parts: Iterable[Part]) -> bool:
    return any(
        isinstance(part, Text) and not part.quoted and re.search(r"[*?\[]", part.text)
        for part in parts
    )


class _Split:
    """Puts the parts of one word together into none, one or several fields."""

    def __init__(self, word: Word) -> None:
        self._line = word.line
        self._pattern = _is_pattern(word.parts)
        self._found: list[Field] = []
        self._values: list[Value] = []  # of the field being put together
        self._quoted = False

    def add(self, value: Value, quoted: bool) -> None:
        self._values.append(value)
        self._quoted = self._quoted or quoted

    def add_split(self, value: Value) -> None:
        """Adds an unquoted value: blanks in it divide fields."""
        for index, piece in enumerate(_BLANKS.split(value.text)):
            if index:
                self.close()
            if piece or value.missing or value.unknown:
                self.add(Value(piece, value.missing, value.unknown), quoted=False)

    def add_many(self, values: Sequence[str], quoted: bool) -> None:
        """Adds arguments: each begins a field of its own."""
        for index, value in enumerate(values):
            if index:
                self.close()
            if quoted:
                self.add(Value(value), quoted=True)
            else:
                self.add_split(Value(value))

    def close(self) -> None:
        if self._values:
            whole = _joined(self._values)
            self._found.append(
                Field(
                    whole.text,
                    self._line,
                    whole.missing,
                    whole.unknown,
                    self._quoted,
                    self._pattern,
                )
            )
        self._values, self._quoted = [], False

    def done(self) -> list[Field]:
        self.close()
        return self._found
