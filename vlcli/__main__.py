"""`vlcli` and `python -m vlcli`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line; what a user can cause ends in one sentence.

    For the start-up time: the collector rests while modules load (what computes wakes it), and
    pydantic does not look through every distribution for plug-ins of its own.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from vlcli.spec.problem import UserError

    try:
        from vlcli.cli.app import app

        app()
    except KeyboardInterrupt:  # while modules load; commands are typer's to interrupt
        sys.exit(130)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
