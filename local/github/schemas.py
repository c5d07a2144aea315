"""GitHub's published schema, by which answers are checked.

Imported only with `--validate` and by the tests: the schema is a development dependency.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Union

from githubkit_schemas.v2026_03_10 import models
from pydantic import BaseModel, TypeAdapter, ValidationError


class SchemaError(Exception):
    """An answer does not fit its model; the message names both."""


def _annotation(expression: str) -> Any:  # noqa: ANN401 (a type, which has no narrower type)
    if expression.startswith("list["):
        return list[_annotation(expression.removeprefix("list[").removesuffix("]"))]  # type: ignore[misc]
    parts = expression.split(" | ")
    if len(parts) > 1:
        return Union[tuple(_annotation(part) for part in parts)]  # noqa: UP007 (the parts are known at run time only)
    return getattr(models, expression)


@cache
def _adapter(expression: str) -> TypeAdapter[Any]:
    return TypeAdapter(_annotation(expression))


def _unknown_fields(value: object, where: str = "") -> list[str]:
    """Name the fields that the schema does not know, wherever they are nested."""
    if isinstance(value, BaseModel):
        unknown = [f"{where}.{name}" for name in value.model_extra or {}]
        for name in type(value).model_fields:
            unknown += _unknown_fields(getattr(value, name), f"{where}.{name}")
        return unknown
    if isinstance(value, list):
        return [
            name for index, item in enumerate(value) for name in _unknown_fields(item, f"{where}[{index}]")
        ]
    return []


def check(expression: str, body: object) -> None:
    """Check an answer.

    Args:
        expression: The route's model.
        body: The answer's body, as it was decoded from JSON.

    Raises:
        SchemaError: A field is missing, has a wrong type, or is unknown to the schema.
    """
    try:
        parsed = _adapter(expression).validate_python(body)
    except ValidationError as error:
        raise SchemaError(f"the answer is no {expression}: {error}") from error
    if unknown := _unknown_fields(parsed):
        raise SchemaError(f"{expression} has no field {', '.join(unknown)}")
