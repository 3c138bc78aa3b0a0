"""Pickle files of strangers: values alone are read, and nothing that they ask to run."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vlcli.spec.problem import UserError

from .files import held

_PLAIN: dict[tuple[str, str], Callable[..., Any]] = {
    (module, kind.__name__): kind
    for module in ("builtins", "__builtin__")
    for kind in (set, frozenset)
}
# What unpickling damaged bytes raises.
_DAMAGE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def pickled(
    path: Path,
    what: str,
    encoding: str = "utf-8",
    also: Mapping[tuple[str, str], Callable[..., Any]] | None = None,
) -> Any:
    """The value of a pickle of lists, tuples, objects, sets, texts and numbers, as Python 2 and 3
    write it. `also` maps further names to what stands for them.

    UserError where the file is missing (`what` it is), damaged, or wants anything else: it is then
    not run.
    """
    allowed = {**_PLAIN, **(also or {})}

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in allowed:
                raise UserError(
                    f"{path} is refused: this pickle wants to run {module}.{name}, and annotations "
                    "hold values alone.",
                    exit_code=3,
                )
            return allowed[module, name]

    try:
        return Reader(io.BytesIO(held(path, what)), encoding=encoding).load()
    except _DAMAGE as error:
        raise UserError(f"{path} cannot be read as a pickle: {error}.") from error
