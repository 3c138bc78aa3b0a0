"""`vlcli` and `python -m vlcli`."""

from __future__ import annotations

import errno
import gc
import os
import sys

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


def main() -> None:
    """Run the command line; what a user can cause ends in one sentence.

    For the start-up time: the collector rests while modules load (what computes wakes it), and
    pydantic does not look through every distribution for plug-ins of its own.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        try:
            _run()
        finally:
            _flush()
    except OSError as error:
        # Of a write to an open file; our own files' writers have sentences of their own.
        if error.errno not in FULL or error.filename is not None:
            raise
        if error.errno != errno.EPIPE:  # a reader that left wants no sentence
            print(f"error: The output cannot be written: {error.strerror}.", file=sys.stderr)
        _drop_output()
        sys.exit(1 if error.errno == errno.EPIPE else 4)


def _run() -> None:
    from vlcli.spec.problem import UserError

    try:
        from vlcli.cli.app import app

        app()
    except KeyboardInterrupt:  # while modules load; commands are typer's to interrupt
        sys.exit(130)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _flush() -> None:
    """Write out what was printed, while its failure can still be told."""
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()


def _drop_output() -> None:
    """What is left of the output would be tried, and fail, once more at the very end."""
    if sys.__stdout__ is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())


if __name__ == "__main__":
    main()
