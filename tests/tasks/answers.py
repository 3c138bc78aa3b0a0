"""What tests of tasks share: a spec, and predictions from plain texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlcli.archs.vlt5.spec import VLSpec
from vlcli.contracts import Prediction


def spec(**args: Any) -> VLSpec:
    return VLSpec(**args)


def written(texts: Mapping[str, str]) -> dict[str, Prediction]:
    """Predictions that are nothing but texts."""
    return {name: Prediction(name, text) for name, text in texts.items()}
