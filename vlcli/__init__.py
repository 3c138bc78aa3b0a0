"""Train, evaluate and use vision-language models from one run spec.

The floors of the house, top to bottom; a floor imports only floors below it, and parts on one floor
(`|`) do not import each other:

    cli -> runs -> archs | tasks -> peft | towers | data | metrics | runtime
        -> contracts | disk | hub | hush | quick -> spec

`spec` and the top of `cli` import no torch, no transformers, no adapters and no open_clip, so that
`vlcli --help` and `vlcli validate` answer at once. import-linter holds the floors (pyproject.toml).
"""

__version__ = "0.1.0"
