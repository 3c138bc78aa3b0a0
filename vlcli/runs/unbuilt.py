"""What a spec may ask for and this version cannot run yet: one sentence each."""

from __future__ import annotations

from typing import Any

from vlcli.spec.problem import UserError

KEYS = ("use_vis_adapter",)


def refuse_unbuilt(spec: Any) -> None:
    """UserError for the first thing that is checked already and cannot be run yet."""
    for key in KEYS:
        if getattr(spec, key):
            raise UserError(f"This version checks {key} and cannot run it yet. Remove {key}.")
