"""What a table says of a key: how it is changed and what that changes, or why nothing follows."""

from __future__ import annotations

from typing import Any, NamedTuple

from vlcli.spec.fields import Spec

Values = dict[str, Any]


class Change(NamedTuple):
    """In a run of `base` (None: the table's `tiny`), `value` changes these aspects (of
    fingerprint.ASPECTS) at least."""

    value: Any
    aspects: str
    base: Values | None = None


class Dead(NamedTuple):
    """Why `value` changes nothing in a run of `base` (None: the table's `tiny`)."""

    value: Any
    why: str
    base: Values | None = None


class Table(NamedTuple):
    """Every key of `spec`: `live` ones change a run, `never` ones nothing but a warning, and
    `several` ones nothing in a run of one process; why names the test of several. `begun` is a run
    that others load or continue."""

    spec: type[Spec]
    tiny: Values
    begun: Values
    live: dict[str, Change]
    never: dict[str, Dead]
    several: dict[str, Dead]
