"""A run as the rules see it: every value, which of them the user wrote, and which are in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class ByTask(dict[str, Any]):
    """A value for each task that is named, and a `default` for the others."""

    def __init__(self, default: Any, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.default = default

    def of(self, task: str) -> Any:
        return self.get(task, self.default)


def largest(value: Any) -> Any:
    """A number, or the largest of an object by task."""
    return max(value.default, *value.values()) if isinstance(value, ByTask) else value


class InDoubt(Exception):
    """A rule asked for a key whose written value failed its own check; the rule cannot judge."""


class Run:
    """Values by attribute (`run.lora_dim`; of an object by task, what the tasks it does not name
    get); reading a key in doubt ends the rule that reads it.

    `written` holds what the user wrote, by key and in order, in the file or by `--set`: what a
    preset or a default brought is not in it. `values` are resolved: defaults < task < preset <
    file < --set.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        written: Mapping[str, Any] = MappingProxyType({}),
        in_doubt: frozenset[str] = frozenset(),
    ) -> None:
        self.values = values
        self.written = written
        self.in_doubt = in_doubt

    def __getattr__(self, key: str) -> Any:
        if key in self.in_doubt:
            raise InDoubt(key)
        try:
            value = self.values[key]
        except KeyError:
            raise AttributeError(key) from None
        return value.default if isinstance(value, ByTask) else value

    def of(self, task: str, key: str) -> Any:
        """The value of a key for one of the run's tasks."""
        plain = getattr(self, key)
        value = self.values[key]
        return value.of(task) if isinstance(value, ByTask) else plain

    def every(self, key: str) -> tuple[Any, ...]:
        """The values of a key for all tasks."""
        plain = getattr(self, key)
        value = self.values[key]
        return (plain, *value.values()) if isinstance(value, ByTask) else (plain,)

    def named(self, key: str) -> list[str]:
        """The tasks that the user wrote a value of their own for."""
        value = self.written.get(key)
        return [task for task in value if task] if isinstance(value, Mapping) else []

    def wrote(self, *keys: str) -> list[str]:
        """Those of `keys` that the user wrote."""
        return [key for key in keys if key in self.written]

    def on(self, *keys: str) -> list[str]:
        """Those of `keys` whose value is true (or a number other than 0, a non-empty text); a key
        that this architecture does not have is off."""
        return [key for key in keys if getattr(self, key, None)]
