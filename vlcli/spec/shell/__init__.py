"""Reads which commands a shell script would run, for given arguments; it never runs one."""

from vlcli.spec.shell.commands import Command, Note
from vlcli.spec.shell.reader import Script, read_script
from vlcli.spec.shell.values import MOST_WORDS, Field

__all__ = ["MOST_WORDS", "Command", "Field", "Note", "Script", "read_script"]
