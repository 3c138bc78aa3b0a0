"""One argument of the spec: how a group declares it and what is known about it.

Nothing here imports pydantic: a spec without faults is checked without it (`vlcli.spec.model` makes
the pydantic model of a spec class when it is wanted).
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from abc import ABC
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from .run import ByTask, Run

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


class Group:
    """Base of every argument group: a mix-in of annotated arguments, each made by `arg`."""


class Need(NamedTuple):
    """What a key needs to have any effect in a run.

    `when` completes the sentence "it is read only ..."; `keys` are the keys that decide; `code` is
    that of the warning a written key gets where `holds(run)` is false. Where it is a matter of the
    task, `reads` says of each whether it reads the key: an object by task is to name no other.
    """

    code: str
    when: str
    keys: tuple[str, ...]
    holds: Callable[[Run], bool]
    fix: str = ""
    severity: Literal["error", "warning"] = "warning"
    reads: Callable[[str], bool] | None = None


EXACT = 2**53  # whole numbers up to here are floats without loss


class Unsettled(Exception):
    """Whether a value is right cannot be told from the plain types; pydantic has to look."""


class Argument(NamedTuple):
    """What a group says of one key.

    `read` turns the forms that people may write into the value, or raises ValueError with a
    sentence; `also` are further spellings; `needs` must all hold for the key to have an effect;
    with `by_task`, a run of several tasks may write an object of values by task; `code` is the rule
    that a value out of range breaks; `expects` says the allowed values in words
    where the type alone does not; `field` is a pydantic field that a plug-in declared itself.
    """

    default: Any
    description: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    read: Callable[[Any], Any] | None = None
    also: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    code: str = "V2"
    expects: str = ""
    by_task: bool = False
    published: bool = True
    annotation: Any = None
    members: tuple[Any, ...] = ()
    field: FieldInfo | None = None

    def settle(self, value: Any) -> Any:
        """The value as its type has it; raises Unsettled for whatever is not plainly right."""
        if self.field is not None:
            raise Unsettled
        if self.read is not None:
            try:
                value = self.read(value)
            except ValueError:
                raise Unsettled from None
        kind = type(value)
        if kind is int and abs(value) > EXACT:
            raise Unsettled
        if kind is int and int not in self.members and float in self.members:
            value, kind = float(value), float
        if kind in (int, float) and kind in self.members and self._in_range(value):
            return value
        if kind in (bool, str, type(None)) and kind in self.members:
            return value
        for member in self.members:
            origin = typing.get_origin(member)
            if origin is Literal and kind is str and value in typing.get_args(member):
                return value
            if (
                origin is tuple
                and kind is tuple
                and _is_plain_tuple(value, typing.get_args(member))
            ):
                return value
        raise Unsettled

    def _in_range(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )


def _is_plain_tuple(value: tuple[Any, ...], members: tuple[Any, ...]) -> bool:
    if members[-1] is ...:
        members = members[:1] * len(value)
    return len(members) == len(value) and all(
        type(each) is member for each, member in zip(value, members, strict=True)
    )


def arg(
    default: Any,
    description: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    read: Callable[[Any], Any] | None = None,
    also: tuple[str, ...] = (),
    needs: Need | tuple[Need, ...] = (),
    code: str = "V2",
    expects: str = "",
    by_task: bool = False,
    new: bool = False,
) -> Any:
    """Declare an argument: its default, a description for users, its range and where it matters.

    `new` marks a key that the published VL-Adapter listing does not have; `Argument` explains the
    others.
    """
    return Argument(
        default=default,
        description=description,
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        read=read,
        also=also,
        needs=(needs,) if isinstance(needs, Need) else needs,
        code=code,
        expects=expects,
        by_task=by_task,
        published=not new,
    )


class Spec(ABC):  # noqa: B024 (with its metaclass, type checkers take a spec class as a cache key)
    """Base of every spec class: a value for every argument of its groups, and frozen.

    `VLSpec(lr=1e-3)` checks the values by pydantic and raises its ValidationError; what
    `vlcli.spec.read` has checked is put in by `of`.
    """

    def __init__(self, **values: Any) -> None:
        from .model import model_of

        vars(self).update(model_of(type(self)).model_validate(values))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """A spec of checked values, one for every argument."""
        spec = cls.__new__(cls)
        vars(spec).update(values)
        return spec

    def of_task(self, task: str) -> Self:
        """The spec of one of the run's tasks, with the values that hold for it."""
        values = vars(self).items()
        own = {key: value.of(task) for key, value in values if isinstance(value, ByTask)}
        return self.but(**{**own, "task": task})

    def but(self, **values: Any) -> Self:
        """The same spec with some values changed, which are not checked again."""
        return self.of({**vars(self), **values})

    @property
    def answer_list(self) -> str | None:
        """Where the run's answer list comes from: "train" (the training data) or a file; None for
        a run without one."""
        return None

    @property
    def judged_every(self) -> dict[str, int]:
        """The tasks that judge a run in its validations, with the epochs between two of them (0:
        never)."""
        return {}

    @classmethod
    def method(cls, run: Run) -> str:
        """What trains, in the words of a one-line summary."""
        return "everything"

    @classmethod
    def derived(cls, run: Run) -> dict[str, tuple[Any, str]]:
        """Values that follow from others where they are not written, each with its origin."""
        return {}

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"A spec is frozen: {key} cannot be set.")

    def __repr__(self) -> str:
        values = ", ".join(f"{key}={value!r}" for key, value in vars(self).items())
        return f"{type(self).__name__}({values})"


@cache
def arguments(spec: type) -> Mapping[str, Argument]:
    """Every argument of a spec class (or of one group), in the order of the groups."""
    found: dict[str, Argument] = {}
    for owner in reversed(spec.__mro__):
        annotations = inspect.get_annotations(owner)
        if any(isinstance(each, str) for each in annotations.values()):
            annotations = inspect.get_annotations(owner, eval_str=True)
        for key, annotation in annotations.items():
            found[key] = _argument(vars(owner).get(key), annotation)
    return MappingProxyType(found)


def _argument(declared: Any, annotation: Any) -> Argument:
    members = _members(annotation)
    if isinstance(declared, Argument):
        plain = tuple(type(None) if each is None else each for each in members)
        return declared._replace(annotation=annotation, members=plain)
    from .model import argument_of  # a plug-in's plain pydantic field

    return argument_of(declared, annotation)


@cache
def group_of(spec: type, key: str) -> type:
    """The argument group that declares `key`."""
    for owner in reversed(spec.__mro__):
        if key in inspect.get_annotations(owner):
            return owner
    return spec


def expected(field: Argument) -> str:
    """The allowed values in words: "a whole number of at least 1, or null"."""
    if field.expects:
        return field.expects
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


def _range(field: Argument) -> str:
    low = high = ""
    if field.ge is not None:
        low = f"of at least {field.ge:g}"
    if field.gt is not None:
        low = f"above {field.gt:g}"
    if field.le is not None:
        high = f"of at most {field.le:g}"
    if field.lt is not None:
        high = f"below {field.lt:g}"
    if low:
        high = high.removeprefix("of ")
    both = " and ".join(filter(None, (low, high)))
    return f" {both}" if both else ""
