"""Follows a shell script from command to command: `if`, `&&` and `||`, groups.

What only a running shell could decide (loops, functions, tests of files) is passed over and noted:
the commands inside do not count, and the variables set there have no known value afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vlcli.spec.published import ConvertError, shown
from vlcli.spec.shell.blocks import Block, Line, Live
from vlcli.spec.shell.commands import Command, Commands, Note
from vlcli.spec.shell.parts import Text, Word
from vlcli.spec.shell.tokens import Operator, cut

DEEPEST = 100  # `if` within `if`


@dataclass(frozen=True, slots=True)
class Script:
    """What was read: the commands that would run, in order, and what was not followed."""

    commands: tuple[Command, ...]
    notes: tuple[Note, ...]


def read_script(text: str, arguments: Sequence[str]) -> Script:
    """The commands that `text` runs when called with `arguments`.

    Raises ConvertError for a text that no shell would take, or that grows without end.
    """
    return _Reader(text, arguments).read()


class _Reader:
    def __init__(self, text: str, arguments: Sequence[str]) -> None:
        self._tokens = cut(text)
        self._at = 0
        self._commands = Commands(arguments)
        self._blocks: list[Block] = []
        self._line = Line()
        self._status: bool | None = None  # of the last command, where reading can tell
        self._function = False  # the next group is a function's body

    def read(self) -> Script:
        while self._at < len(self._tokens) and not self._commands.ended:
            token = self._tokens[self._at]
            self._at += 1
            if isinstance(token, Word):
                self._word(token)
            elif self._in_double_brackets():
                self._line.words.append(Word((Text(token.text, quoted=True),), token.line))
            else:
                self._operator(token)
        if self._in_double_brackets():
            raise ConvertError(f"Line {self._line.words[0].line}: `[[` is never closed.")
        self._finish()
        if self._blocks and not self._commands.ended:
            block = self._blocks[-1]
            raise ConvertError(f"Line {block.line}: `{block.opener}` is never closed.")
        return Script(tuple(self._commands.met), tuple(self._commands.notes))

    def _live(self) -> Live:
        return max(self._blocks[-1].live if self._blocks else Live.YES, self._line.live)

    def _note(self, line: int, text: str) -> None:
        """Notes what is passed over, where it would have run."""
        if self._live() is Live.YES:
            self._commands.note(line, text)

    def _in_double_brackets(self) -> bool:
        words = self._line.words
        return bool(words) and words[0].literal == "[[" and words[-1].literal != "]]"

    def _next(self) -> Word | Operator | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    # One command after the other.

    def _word(self, word: Word) -> None:
        self._line.awaited = False
        if not self._line.words and word.literal in _KEYWORDS:
            _KEYWORDS[word.literal](self, word)
        else:
            self._line.words.append(word)

    def _finish(self) -> None:
        words, self._line.words = self._line.words, []
        if not words or self._live() is Live.NO:
            return
        self._function = False
        if self._live() is Live.YES:
            status = self._commands.run(words)
            self._status = status if status is None or not self._line.negated else not status
            return
        if not self._line.piped and not (self._blocks and self._blocks[-1].live):
            self._commands.note(
                words[0].line,
                "a command after `&&` or `||` is left out: only running the script can tell "
                "whether it runs.",
            )
        self._commands.forget(words)

    def _operator(self, token: Operator) -> None:
        if token.text == "<<":
            self._note(token.line, "the text handed over with `<<` is left out.")
        elif token.text == "(":
            self._open_parenthesis(token)
        elif token.text != "\n" or self._line.words or not self._line.awaited:
            self._finish()
            self._divide(token)

    def _divide(self, token: Operator) -> None:
        if token.text in ("&&", "||"):
            goes_on = self._status == (token.text == "&&")
            live = Live.UNSURE if self._status is None else Live.YES if goes_on else Live.NO
            self._line = Line(live=live, awaited=True)
        elif token.text in ("|", "|&"):
            self._note(token.line, "what stands after `|` is left out.")
            if not self._commands.launched:
                self._status = None
            self._line = Line(live=Live.UNSURE, piped=True, awaited=True)
        elif token.text == ")":
            self._close_parenthesis(token)
        elif token.text in (";;", ";&", ";;&") and not self._inside("esac"):
            raise ConvertError(f"Line {token.line}: `{token.text}` stands outside a `case`.")
        else:
            self._line = Line()

    def _open_parenthesis(self, token: Operator) -> None:
        words, following = self._line.words, self._next()
        if len(words) == 1 and isinstance(following, Operator) and following.text == ")":
            self._at += 1
            self._line.words = []
            self._begin_function(words[0])
        elif words:
            raise ConvertError(
                f"Line {token.line}: `(` cannot be read here; quote a value that holds one."
            )
        else:
            self._open("(", ")", token.line)
            self._blocks[-1].saved = self._commands.variables.saved()

    def _close_parenthesis(self, token: Operator) -> None:
        if self._inside("esac"):  # `pattern)`
            self._line = Line()
        else:
            self._close(")", token.line)

    # Blocks.

    def _inside(self, closer: str) -> bool:
        return bool(self._blocks) and self._blocks[-1].closer == closer

    def _open(self, opener: str, closer: str, line: int, live: Live = Live.YES) -> Block:
        if len(self._blocks) >= DEEPEST:
            raise ConvertError(f"Line {line}: more than {DEEPEST} blocks stand inside each other.")
        if self._function:
            live, self._function = Live.UNSURE, False
        outer = self._live()
        block = Block(opener, closer, line, outer, max(outer, live))
        self._blocks.append(block)
        self._line = Line()
        return block

    def _close(self, closer: str, line: int) -> None:
        if not self._inside(closer):
            raise ConvertError(f"Line {line}: `{closer}` closes nothing.")
        block = self._blocks.pop()
        if block.live is Live.UNSURE or block.unsure:
            self._status = None
        if block.saved is not None:
            self._commands.variables.restore(block.saved)
        self._line = Line()

    def _end(self, word: Word) -> None:
        self._close(word.literal or "", word.line)

    def _group(self, word: Word) -> None:
        self._open("{", "}", word.line)

    def _begin_function(self, name: Word) -> None:
        self._note(name.line, f"the function `{shown(name.literal or '')}` is left out.")
        self._function = True

    def _function_word(self, word: Word) -> None:
        name = self._next()
        if not isinstance(name, Word):
            raise ConvertError(f"Line {word.line}: `function` needs a name.")
        self._at += 1
        self._begin_function(name)
        rest = self._tokens[self._at : self._at + 2]
        if [token.text for token in rest if isinstance(token, Operator)] == ["(", ")"]:
            self._at += 2

    def _loop(self, word: Word) -> None:
        opener, following = word.literal or "", self._next()
        self._note(word.line, f"the `{opener}` is left out, with all that stands inside it.")
        self._open(opener, "esac" if opener == "case" else "done", word.line, Live.UNSURE)
        if opener in ("for", "select") and isinstance(following, Word) and following.literal:
            self._commands.variables.forget([following.literal], f"a loop at line {word.line} sets")

    # `if`: the condition's last status decides the arm.

    def _if(self, word: Word) -> None:
        self._open("if", "fi", word.line).in_condition = True
        self._status = None

    def _then(self, word: Word) -> None:
        block = self._arm(word, in_condition=True)
        block.in_condition = False
        if block.live is not Live.YES:
            return
        if self._status is None:
            self._note(
                word.line, "an arm of `if` is left out: only running the script can tell its test."
            )
            block.live, block.unsure = Live.UNSURE, True
        elif self._status:
            block.decided = True
        else:
            block.live = Live.NO

    def _elif(self, word: Word) -> None:
        block = self._arm(word, in_condition=False)
        block.live, block.in_condition = block.next_arm, True
        self._status = None

    def _else(self, word: Word) -> None:
        block = self._arm(word, in_condition=False)
        block.live = block.next_arm
        block.decided = block.decided or block.live is Live.YES

    def _arm(self, word: Word, in_condition: bool) -> Block:
        if not self._inside("fi") or self._blocks[-1].in_condition != in_condition:
            raise ConvertError(f"Line {word.line}: `{word.literal}` belongs to no `if`.")
        self._line = Line()
        return self._blocks[-1]

    def _not(self, word: Word) -> None:
        self._line.negated = not self._line.negated

    def _pass(self, word: Word) -> None:
        """`do` and `time` change nothing here."""


_KEYWORDS: dict[str | None, Callable[[_Reader, Word], None]] = {
    "if": _Reader._if,
    "then": _Reader._then,
    "elif": _Reader._elif,
    "else": _Reader._else,
    "fi": _Reader._end,
    "for": _Reader._loop,
    "select": _Reader._loop,
    "while": _Reader._loop,
    "until": _Reader._loop,
    "case": _Reader._loop,
    "do": _Reader._pass,
    "done": _Reader._end,
    "esac": _Reader._end,
    "{": _Reader._group,
    "}": _Reader._end,
    "function": _Reader._function_word,
    "time": _Reader._pass,
    "!": _Reader._not,
}
