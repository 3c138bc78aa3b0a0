"""What only reads specs must answer at once: it never imports the heavy packages."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "adapters", "open_clip", "numpy")
PROBE = """
import sys
from vlcli.cli.app import app
try:
    app(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
finally:
    import json
    print("\\nMODULES " + json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["validate", "specs/quickstart.json5"],
        ["validate", "specs/quickstart.json5", "--set", "lora_dim=0", "--json"],
        ["explain"],
        ["explain", "lora_dim"],
        ["explain", "R1"],
        ["show", "specs/quickstart.json5", "--origin"],
        ["schema"],
        ["list", "archs"],
        ["list", "tasks"],
        ["list", "methods"],
        ["list", "recipes"],
        ["init", "--list"],
        ["convert", "--", "src/vqa.py", "--use_adapter"],
    ],
    ids=" ".join,
)
def test_reading_commands_import_nothing_heavy(words):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, timeout=60
    )
    modules = json.loads(done.stdout.rpartition("MODULES ")[2])
    assert "vlcli" in modules
    assert not set(HEAVY) & set(modules), done.stderr


def test_a_clean_spec_and_help_import_neither_rich_nor_pydantic():
    for words in (["--help"], ["validate", "specs/quickstart.json5"]):
        done = subprocess.run(
            [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, timeout=60
        )
        modules = json.loads(done.stdout.rpartition("MODULES ")[2])
        assert not {"rich", "pydantic"} & set(modules)
