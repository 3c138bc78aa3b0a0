"""What all tests share: they run from the root of the repository, without colours."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

# Two test processes on two cores: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files go to the processes in this order: many tests first, so that all end together, and
    before them the page's commands, few tests of minutes."""
    many = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path.name != "test_readme.py", -many[item.path]))


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that all tests of a session share: the built-in data is drawn once."""
    base = tmp_path_factory.getbasetemp()
    several = "PYTEST_XDIST_WORKER" in os.environ
    folder = (base.parent if several else base) / "cache"
    folder.mkdir(exist_ok=True)
    return folder
