"""The pydantic model of a spec class: the strict check behind every fault, and the JSON Schema."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .fields import Argument, arguments


class Checked(BaseModel):
    """Base of the models: frozen, strict, no unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, defer_build=True, protected_namespaces=()
    )


@cache
def model_of(spec: type) -> type[Checked]:
    """The pydantic model with the arguments of a spec class, or of one group."""
    fields: dict[str, Any] = {key: _field(each) for key, each in arguments(spec).items()}
    return create_model(spec.__name__, __base__=Checked, __doc__=spec.__doc__, **fields)


def _field(argument: Argument) -> tuple[Any, FieldInfo]:
    if argument.field is not None:
        return argument.annotation, argument.field
    annotation = argument.annotation
    if argument.read is not None:
        annotation = Annotated[annotation, BeforeValidator(argument.read)]
    field = Field(
        argument.default,
        description=argument.description,
        ge=argument.ge,
        gt=argument.gt,
        le=argument.le,
        lt=argument.lt,
    )
    return annotation, field


def argument_of(declared: Any, annotation: Any) -> Argument:
    """What is known of an argument that a plug-in declares in pydantic's own words: a `Field`, a
    plain default, or an annotation alone."""
    field = (
        FieldInfo.from_annotation(annotation)
        if declared is None
        else FieldInfo.from_annotated_attribute(annotation, declared)
    )
    bounds: dict[str, Any] = {}
    for bound in field.metadata:
        match bound:
            case Ge(ge=value):
                bounds["ge"] = value
            case Gt(gt=value):
                bounds["gt"] = value
            case Le(le=value):
                bounds["le"] = value
            case Lt(lt=value):
                bounds["lt"] = value
    default = field.get_default(call_default_factory=True, validated_data={})
    return Argument(
        default=None if default is PydanticUndefined else default,
        description=field.description or "",
        published=False,
        annotation=field.annotation,
        field=field,
        **bounds,
    )
