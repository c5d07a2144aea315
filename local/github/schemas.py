"""GitHub's published schema, by which answers are checked.

Imported only with `--validate` and by the tests: the schema is a development dependency.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Union

from githubkit_schemas.v2026_03_10 import models
from pydantic import TypeAdapter, ValidationError

_UNPUBLISHED = {"can_admins_bypass"}
"""Fields that GitHub sends, and its own clients read, although its schema leaves them out."""


class SchemaError(Exception):
    """An answer does not fit its model; the message names both."""


def _model_annotation(expression: str) -> Any:
    if expression.startswith("list["):
        return list[_model_annotation(expression.removeprefix("list[").removesuffix("]"))]  # type: ignore[misc]
    parts = expression.split(" | ")
    if len(parts) > 1:
        return Union[tuple(_model_annotation(part) for part in parts)]  # noqa: UP007 (the parts are known at run time only)
    return getattr(models, expression)


@cache
def model_adapter(expression: str) -> TypeAdapter[Any]:
    """Find the model, or the combination of models, that a route names."""
    return TypeAdapter(_model_annotation(expression))


def _unknown_fields(body: object, known: object, where: str = "") -> list[str]:
    """Name the fields of a body that its model has dropped, wherever they are nested."""
    if isinstance(body, dict) and isinstance(known, dict):
        unknown = [f"{where}.{name}" for name in body.keys() - known.keys() - _UNPUBLISHED]
        for name in body.keys() & known.keys():
            unknown += _unknown_fields(body[name], known[name], f"{where}.{name}")
        return unknown
    if isinstance(body, list) and isinstance(known, list):
        pairs = enumerate(zip(body, known, strict=True))
        return [name for index, pair in pairs for name in _unknown_fields(*pair, f"{where}[{index}]")]
    return []


def check_answer(expression: str, body: object) -> None:
    """Check an answer.

    Args:
        expression: The route's model.
        body: The answer's body, as it was decoded from JSON.

    Raises:
        SchemaError: A field is missing, has a wrong type, or is unknown to the schema.
    """
    adapter = model_adapter(expression)
    try:
        parsed = adapter.validate_python(body)
    except ValidationError as error:
        # Without the values: they would stand in the log.
        problems = [
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SchemaError(f"the answer is no {expression}: {'; '.join(problems)}") from None
    known = adapter.dump_python(parsed, by_alias=True, warnings=False)
    if unknown := _unknown_fields(body, known):
        raise SchemaError(f"{expression} has no field {', '.join(sorted(unknown))}")
