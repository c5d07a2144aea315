"""Checks parameters against a service model: required members, types, enumerations, lengths, ranges and patterns.

botocore itself checks only required members, types and minimums, and AWS's provider checks little. The messages are
those of AWS's services: https://docs.aws.amazon.com/awssupport/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from functools import cache
from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_JAVA_PARTS = {
    # A hyphen next to a class stands for itself; Python requires a backslash there.
    r"\w-": r"\w\-",
    r"}-_": r"}\-_",
    # Letters include digits here.
    r"\p{L}": r"\w",
    r"\p{Zs}": " ",
    r"\p{Z}": r"\s",
    r"\p{N}": r"\d",
    r"\p{M}": "",
    r"\p{S}": "$+<=>^`|~",
    r"\p{P}": r"!-#%-*,-/:-;?-@\[-\]_{}",
    r"\p{C}": r"\x00-\x1f\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{Alpha}": "a-zA-Z",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Graph}": r"\x21-\x7e",
    r"\p{Space}": r"\s",
    # Java has surrogates where Python has whole characters.
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
    "(?i)": "",
}
"""Parts of Java's regular expressions, which the models use, and Python's."""

_UNENFORCED_PATTERNS = frozenset({r"arn:[^:]+:s3(express)?:[^:].*"})
"""Patterns that AWS itself does not enforce: this one, of S3 Control's tags, would exclude every bucket's ARN, which
https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_TagResource.html allows."""


def find_model_faults(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Yield a sentence in AWS's words for each member that its model forbids.

    Args:
        shape: botocore's shape of the value.
        value: The value.
        path: AWS's name of the value, for example `tags.1.member.key`; "" for a whole request.
    """
    if shape.type_name == "structure":
        yield from _find_structure_faults(shape, value, path)
    elif shape.type_name == "list":
        yield from _find_list_faults(shape, value, path)
    elif shape.type_name == "map":
        yield from _find_map_faults(shape, value, path)
    else:
        constraint = _scalar_constraint(shape, value)
        if constraint:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _find_structure_faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be a structure"
        return
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"Value null at '{prefix}{_camel(name)}' failed to satisfy constraint: Member must not be null"
    for name, member in value.items():
        if name in shape.members and member is not None:
            yield from find_model_faults(shape.members[name], member, f"{prefix}{_camel(name)}")


def _find_list_faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be a list"
        return
    yield from _find_length_fault(shape, value, path)
    for index, member in enumerate(value, 1):
        yield from find_model_faults(shape.member, member, f"{path}.{index}.member")


def _find_map_faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be a map"
        return
    yield from _find_length_fault(shape, value, path)
    for key, member in value.items():
        yield from find_model_faults(shape.key, key, f"{path}.key")
        yield from find_model_faults(shape.value, member, f"{path}.{key}.member")


def _find_length_fault(shape: Any, value: Any, path: str) -> Iterator[str]:
    constraint = _length_constraint(shape.metadata, len(value))
    if constraint:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _scalar_constraint(shape: Any, value: Any) -> str:
    """Return the constraint that a value violates, or ""."""
    if shape.type_name in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, Number):
            return "Member must be a number"
        return _range_constraint(shape.metadata, value)
    if shape.type_name == "boolean":
        return "" if isinstance(value, bool) else "Member must be a boolean"
    if shape.type_name == "blob":
        return _length_constraint(shape.metadata, len(value))
    return _string_constraint(shape, value) if shape.type_name == "string" else ""


def _string_constraint(shape: Any, value: Any) -> str:
    if not isinstance(value, str):
        return "Member must be a string"
    if shape.enum and value not in shape.enum:
        return f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and pattern not in _UNENFORCED_PATTERNS and not compile_java_pattern(pattern).fullmatch(value):
        return f"Member must satisfy regular expression pattern: {pattern}"
    return _length_constraint(shape.metadata, len(value))


def _length_constraint(limits: Mapping[str, Any], length: int) -> str:
    if length < limits.get("min", 0):
        return f"Member must have length greater than or equal to {limits['min']}"
    if "max" in limits and length > limits["max"]:
        return f"Member must have length less than or equal to {limits['max']}"
    return ""


def _range_constraint(limits: Mapping[str, Any], value: Any) -> str:
    if "min" in limits and value < limits["min"]:
        return f"Member must have value greater than or equal to {limits['min']}"
    if "max" in limits and value > limits["max"]:
        return f"Member must have value less than or equal to {limits['max']}"
    return ""


@cache
def compile_java_pattern(pattern: str) -> re.Pattern[str]:
    """Return a model's pattern as Python's.

    Raises:
        re.error: Python cannot express it.
    """
    for java, python in _JAVA_PARTS.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, re.DOTALL)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
