"""One argument of the spec: how a group declares it and what is known about it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple, cast

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from .run import Run


class Group:
    """Base of every argument group: a mix-in of annotated arguments that becomes pydantic fields in
    the spec class that mixes it in (twenty models in place of one would double the start-up)."""


class Spec(BaseModel):
    """Base of every spec class: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, defer_build=True, protected_namespaces=()
    )

    @classmethod
    def derived(cls, run: Run) -> dict[str, tuple[Any, str]]:
        """Values that follow from others where they are not written, each with its origin."""
        return {}


class Need(NamedTuple):
    """What a key needs to have any effect in a run.

    `when` completes the sentence "it is read only ..."; `keys` are the keys that decide; `code` is
    that of the warning a written key gets where `holds(run)` is false.
    """

    code: str
    when: str
    keys: tuple[str, ...]
    holds: Callable[[Run], bool]
    fix: str = ""
    severity: Literal["error", "warning"] = "warning"


class About(NamedTuple):
    """What our checks and `explain` know of a field beside pydantic's own facts.

    `also` are further spellings, `needs` must all hold for the key to have an effect, `code` is the
    rule that a value out of range breaks, and `expects` says the allowed values in words where the
    type alone does not.
    """

    also: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    code: str = "V2"
    expects: str = ""
    published: bool = True

    def __call__(self, schema: JsonDict) -> None:
        """pydantic's place for what it does not know itself; the JSON Schema needs none of it."""


def arg(
    default: Any,
    description: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    also: tuple[str, ...] = (),
    needs: Need | tuple[Need, ...] = (),
    code: str = "V2",
    expects: str = "",
    new: bool = False,
) -> Any:
    """Declare an argument: its default, a description for users, its range and where it matters.

    `new` marks a key that the published VL-Adapter listing does not have.
    """
    about = About(
        also=also,
        needs=(needs,) if isinstance(needs, Need) else needs,
        code=code,
        expects=expects,
        published=not new,
    )
    extra = cast(Callable[[JsonDict], None], about)
    return Field(
        default, description=description, ge=ge, gt=gt, le=le, lt=lt, json_schema_extra=extra
    )


def about(field: FieldInfo) -> About:
    """What `arg` was told about a field; a plug-in's plain pydantic field gets the defaults."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, About) else About(published=False)


@cache
def group_of(spec: type, key: str) -> type:
    """The argument group that declares `key`."""
    for owner in reversed(spec.__mro__):
        if key in inspect.get_annotations(owner):
            return owner
    return spec


def expected(field: FieldInfo) -> str:
    """The allowed values in words: "a whole number of at least 1, or null"."""
    known = about(field)
    if known.expects:
        return known.expects
    kinds = [_kind(each) for each in _members(field.annotation) if each is not type(None)]
    words = " or ".join(dict.fromkeys(kinds)) + _range(field)
    return words + (", or null" if type(None) in _members(field.annotation) else "")


def _members(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)


_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}


def _kind(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return any_of(typing.get_args(annotation))
    if origin in (list, tuple, set, frozenset):
        return "a list"
    if origin is dict:
        return "an object"
    return _KINDS.get(annotation, "a value of its type")


def any_of(choices: typing.Iterable[Any]) -> str:
    """`"a", "b" or "c"`."""
    shown = [f'"{each}"' if isinstance(each, str) else str(each) for each in choices]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _range(field: FieldInfo) -> str:
    low = high = ""
    for bound in field.metadata:
        match bound:
            case Ge(ge=value):
                low = f"of at least {value:g}"
            case Gt(gt=value):
                low = f"above {value:g}"
            case Le(le=value):
                high = f"of at most {value:g}"
            case Lt(lt=value):
                high = f"below {value:g}"
    if low:
        high = high.removeprefix("of ")
    return "".join(f" {part}" for part in (" and ".join(filter(None, (low, high))),) if part)
