"""`vlcli` and `python -m vlcli`."""

from __future__ import annotations

import gc
import os


def main() -> None:
    """Run the command line.

    For the start-up time: the collector rests while modules load, and pydantic does not look through
    every distribution for plug-ins of its own.
    """
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from vlcli.cli.app import app

    app()


if __name__ == "__main__":
    main()
